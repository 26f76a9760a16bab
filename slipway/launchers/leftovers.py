"""Ends what is left of a part, or of a whole stack, that did not go by itself.

Killed with SIGKILL, vLLM's main process leaves its worker processes behind with all the memory that they hold, and
Python's shared memory segments stay in /dev/shm. A part's start script calls this module before a restart.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

_GRACE = 5.0  # seconds between asking a process to end and ending it
_ORPHAN_GRACE = 0.5  # the same for workers whose main process is gone: they have nothing to finish
_SHARED_MEMORY = Path("/dev/shm")
_PYTHON_NAMES = ("psm_*", "sem.mp-*")  # multiprocessing.shared_memory and multiprocessing's semaphores


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
    """Ask all of them to end, end those that do not, and give their number."""
    processes = find_leftovers(pid_files)
    for process in processes:
        _signal(process, kill=False)
    _, alive = psutil.wait_procs(processes, timeout=grace)
    for process in alive:
        _signal(process, kill=True)
    psutil.wait_procs(alive, timeout=_GRACE)
    return len(processes)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        pass


def remove_shared_memory(since: float, folder: Path = _SHARED_MEMORY) -> list[Path]:
    """Delete Python's segments in `folder` that this user has made after `since` (seconds since the epoch), and that no
    process maps any more; gives those deleted.
    """
    candidates = [path for pattern in _PYTHON_NAMES for path in folder.glob(pattern) if _is_ours(path, since)]
    mapped = _mapped_files(folder) if candidates else set()
    orphans = [path for path in candidates if str(path) not in mapped]
    for path in orphans:
        path.unlink(missing_ok=True)
    return orphans


def _is_ours(path: Path, since: float) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    return status.st_uid == os.getuid() and status.st_mtime >= since


def _mapped_files(folder: Path) -> set[str]:
    """Paths below `folder` that processes map, as far as this user may look."""
    found: set[str] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            found.update(line.split(maxsplit=5)[5].rstrip() for line in maps.open() if f"{folder}/" in line)
        except OSError:
            continue
    return found


def main(pid_file: Path) -> None:
    """Called by a part's start script with the pid file of an earlier self, which is then gone."""
    since = pid_file.stat().st_mtime
    end_leftovers([pid_file], _ORPHAN_GRACE)
    remove_shared_memory(since)
    pid_file.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
