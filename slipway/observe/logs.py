"""Reads the parts' log files: the last lines, then what is added."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from slipway.observe.progress import LogTail


def read_logs(files: Mapping[str, Path], *, lines: int, follow: bool) -> Iterator[str]:
    """The last `lines` lines of each file, with the part's name in front where there are several; then for ever, if asked."""
    width = max((len(name) for name in files), default=0)
    prefix = {name: f"{name:<{width}} | " if len(files) > 1 else "" for name in files}
    tails = {name: LogTail(path) for name, path in files.items()}
    for name, path in files.items():
        with path.open(errors="replace") as stream:
            for line in deque(stream, maxlen=lines):
                yield prefix[name] + line.rstrip()
    while follow:
        for name, tail in tails.items():
            for line in tail.new_lines():
                yield prefix[name] + line
        time.sleep(0.2)
