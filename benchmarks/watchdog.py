"""A start-up hook for LiteLLM that notes whatever holds the event loop: seconds, and what Python was doing.

    LITELLM_WORKER_STARTUP_HOOKS=benchmarks.watchdog:install STALLS=file …

A thread looks every 5 ms whether the loop has moved. Each stall above 50 ms is one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType

LIMIT = 0.05  # seconds
_STEP = 0.005
_DEEP = 12  # innermost frames kept


def install() -> None:
    """Watch the running loop, and write to the file that STALLS names."""
    loop = asyncio.get_running_loop()
    beat = [time.monotonic()]

    def tick() -> None:
        beat[0] = time.monotonic()
        loop.call_later(_STEP, tick)

    tick()
    owner = threading.get_ident()
    threading.Thread(target=_watch, args=(beat, owner, Path(os.environ["STALLS"])), daemon=True).start()


def _watch(beat: list[float], owner: int, path: Path) -> None:
    started = time.monotonic()
    while True:
        time.sleep(_STEP)
        seen = beat[0]
        if time.monotonic() - seen < LIMIT:
            continue
        frames = _frames(sys._current_frames().get(owner))
        while beat[0] == seen:
            time.sleep(_STEP)
        with path.open("a") as log:
            log.write(json.dumps({"at": seen - started, "seconds": beat[0] - seen, "frames": frames}) + "\n")


def _frames(frame: FrameType | None) -> list[str]:
    stack = traceback.extract_stack(frame)[-_DEEP:]
    return [f"{Path(item.filename).name}:{item.lineno} {item.name}" for item in stack]


def count_tasks() -> None:
    """A hook that keeps the number of the loop's tasks in the file that TASKS names."""
    loop = asyncio.get_running_loop()

    def note() -> None:
        Path(os.environ["TASKS"]).write_text(str(len(asyncio.all_tasks(loop))))
        loop.call_later(1.0, note)

    note()
