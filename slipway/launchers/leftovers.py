"""Finds and ends what is left of a stack whose supervisor is gone."""

from __future__ import annotations

from pathlib import Path

import psutil

_GRACE = 5.0  # seconds between asking a process to end and ending it


def find_leftovers(run: Path) -> list[psutil.Process]:
    """Every process of the groups whose leaders wrote a pid file into the stack's run folder.

    A part's script writes its process id, which is its group's too, and children inherit the group. Process ids are used
    again, so only groups whose members are all younger than the run folder's pid file count.
    """
    groups: dict[int, float] = {}
    for path in run.glob("*.pid"):
        try:
            groups[int(path.read_text())] = path.stat().st_mtime
        except (OSError, ValueError):
            continue
    return [process for process in psutil.process_iter() if _belongs(process, groups)] if groups else []


def _belongs(process: psutil.Process, groups: dict[int, float]) -> bool:
    import os

    try:
        written = groups.get(os.getpgid(process.pid))
        # the script notes its own id a moment after it started; clock ticks are 10 ms wide
        return written is not None and process.create_time() >= written - 2 and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.Error):
        return False


def end_leftovers(run: Path) -> int:
    """Ask all of them to end, end those that do not, and give their number."""
    processes = find_leftovers(run)
    for process in processes:
        _ignore_gone(process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=_GRACE)
    for process in alive:
        _ignore_gone(process.kill)
    psutil.wait_procs(alive, timeout=_GRACE)
    return len(processes)


def _ignore_gone(action: object) -> None:
    try:
        action()  # type: ignore[operator]
    except psutil.NoSuchProcess:
        pass
