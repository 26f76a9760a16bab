"""One launch at a time per stack: a lock the kernel drops when its owner dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.errors import StackError


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold `path` for `what` (such as "a launch"). Raises StackError, naming the owner, when someone else does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            owner = handle.read().strip() or "another process"
            raise StackError(
                f"cannot start {what}: {owner} is at work on this stack", hint="wait for it, or end it; the lock goes with it"
            ) from None
        handle.truncate(0)
        handle.write(f"{what} (process {os.getpid()})")
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Cleaning up goes on to its end, however often Ctrl-C is pressed."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
