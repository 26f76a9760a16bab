"""Shows the phases of a launch: live lines with bars in a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from slipway.launchers.base import Phase, Reporter

_PLAIN_INTERVAL = 5.0  # seconds between two lines of one phase where each stays on the screen


@contextmanager
def open_reporter() -> Iterator[Reporter]:
    """A reporter on standard error, so that what a verb prints can be piped."""
    if not sys.stderr.isatty():
        yield PlainReporter(sys.stderr)
        return
    # rich is loaded only where there is a terminal to draw on
    from slipway.cli.live_display import open_live_reporter

    with open_live_reporter() as reporter:
        yield reporter


class PlainReporter:
    """A line when a phase begins, now and then while it goes on, and one with its time when it ends."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        with self._lock:
            print(text, file=self._stream, flush=True)

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        started = self._clock()
        self.say(f"{name} ...")
        try:
            yield _PlainPhase(self, name, self._clock)
        except BaseException:
            self.say(f"{name}: failed after {self._clock() - started:.1f} s")
            raise
        self.say(f"{name}: done in {self._clock() - started:.1f} s")


class _PlainPhase:
    def __init__(self, reporter: PlainReporter, name: str, clock: Callable[[], float]) -> None:
        self._reporter, self._name, self._clock = reporter, name, clock
        self._started = self._said = clock()
        self._text = ""

    def update(self, text: str = "", done: int = 0, total: int = 0) -> None:
        now = self._clock()
        if now - self._said < _PLAIN_INTERVAL or (text == self._text and not total):
            return
        self._said, self._text = now, text
        count = f" {done}/{total}" if total else ""
        self._reporter.say(f"{self._name}: {text}{count} ({now - self._started:.0f} s)")
