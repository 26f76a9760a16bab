"""Ends what is left of a part, or of a whole stack, that did not go by itself.

Killed with SIGKILL, vLLM's main process leaves its worker processes behind with all the memory that they hold, and
Python's shared memory segments stay in /dev/shm. A part's start script calls this module before a restart.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from slipway.render import write_atomically

_GRACE = 5.0  # seconds between asking a process to end and ending it
_ORPHAN_GRACE = 0.5  # the same for workers whose main process is gone: they have nothing to finish
_SHARED_MEMORY = Path("/dev/shm")


def find_leftovers(pid_files: Iterable[Path]) -> list[psutil.Process]:
    """Every process of the groups whose leaders wrote these pid files.

    A part's script writes its process id, which is its group's too, and children inherit the group. Process ids are
    used again, so only processes that are younger than the file count.
    """
    groups: dict[int, float] = {}
    for path in pid_files:
        try:
            groups[int(path.read_text())] = path.stat().st_mtime
        except (OSError, ValueError):
            continue
    return [process for process in psutil.process_iter() if _belongs(process, groups)] if groups else []


def _belongs(process: psutil.Process, groups: dict[int, float]) -> bool:
    try:
        written = groups.get(os.getpgid(process.pid))
        # the script notes its own id a moment after it started; clock ticks are 10 ms wide
        return written is not None and process.create_time() >= written - 2 and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.Error):
        return False


def end_leftovers(pid_files: Iterable[Path], grace: float = _GRACE) -> int:
    """Ask all of them to end, end those that do not, delete the shared memory they leave, and give their number."""
    pid_files = list(pid_files)
    processes = find_leftovers(pid_files)
    files = _mapped_by(processes).union(*(_note_of(path).read_text().split() for path in pid_files if _note_of(path).exists()))
    trackers = [process for process in processes if _tracks_resources(process)]
    _end([process for process in processes if process not in trackers], grace)
    # each deletes the segments and semaphores of a program as soon as all of it is gone, then ends by itself
    _wait(trackers, _GRACE)
    _end(trackers, 0)
    _remove_unmapped(files)
    return len(processes)


def _end(processes: list[psutil.Process], grace: float) -> None:
    for process in processes:
        _signal(process, kill=False)
    alive = _wait(processes, grace)
    for process in alive:
        _signal(process, kill=True)
    _wait(alive, _GRACE)


def _tracks_resources(process: psutil.Process) -> bool:
    """Whether this is the helper that Python's multiprocessing starts to clean up after a program."""
    try:
        return "multiprocessing.resource_tracker" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all have ended, and give those that have not. A zombie has: in a container nobody may ever reap it."""
    deadline = time.monotonic() + seconds
    while (alive := [process for process in processes if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, *, kill: bool) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill() if kill else process.terminate()


def note_shared_memory(pid_file: Path) -> None:
    """Write down which segments a part's processes map now, for the day when all of them are killed at once."""
    write_atomically(_note_of(pid_file), "\n".join(sorted(_mapped_by(find_leftovers([pid_file])))))


def _note_of(pid_file: Path) -> Path:
    return pid_file.with_name(pid_file.name.partition(".")[0] + ".shm")


def _mapped_by(processes: Iterable[psutil.Process]) -> set[str]:
    """Files in /dev/shm, below no folder, that these processes map."""
    found: set[str] = set()
    for process in processes:
        found |= _mapped_files(Path(f"/proc/{process.pid}/maps"))
    return found


def _mapped_files(maps: Path) -> set[str]:
    try:
        lines = maps.read_text(errors="replace").splitlines()
    except OSError:
        return set()
    paths = {line.split(maxsplit=5)[5].rstrip() for line in lines if f" {_SHARED_MEMORY}/" in line}
    return {path for path in paths if Path(path).parent == _SHARED_MEMORY}


def _remove_unmapped(files: set[str]) -> None:
    """Delete those of `files` that no process maps any more."""
    if not files:
        return
    still: set[str] = set().union(*(_mapped_files(maps) for maps in Path("/proc").glob("[0-9]*/maps")))
    for name in files - still:
        Path(name).unlink(missing_ok=True)


def main(pid_file: Path) -> None:
    """Called by a part's start script with the pid file of an earlier self, which is then gone."""
    end_leftovers([pid_file], _ORPHAN_GRACE)
    pid_file.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
