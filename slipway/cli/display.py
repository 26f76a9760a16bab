"""Shows the phases of a launch: live lines with bars in a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from slipway.launchers.base import Phase, Reporter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PLAIN_INTERVAL = 5.0  # seconds between two lines of one phase where each stays on the screen


@contextmanager
def open_reporter() -> Iterator[Reporter]:
    """A reporter on standard error, so that what a verb prints can be piped."""
    if not sys.stderr.isatty():
        yield PlainReporter(sys.stderr)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="{task.fields[mark]}"),
        TextColumn("{task.description}", justify="left"),
        TimeElapsedColumn(),
        _OptionalBar(BarColumn(bar_width=24)),
        TextColumn("{task.fields[text]}", style="dim"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield RichReporter(progress)


class _OptionalBar:
    """Wraps a bar column so that only phases with something to count show one."""

    def __new__(cls, bar: object) -> object:
        from rich.progress import BarColumn, ProgressColumn
        from rich.text import Text

        assert isinstance(bar, BarColumn)

        class Column(ProgressColumn):
            def render(self, task: object) -> object:  # type: ignore[override]
                return bar.render(task) if task.fields["counted"] else Text("")  # type: ignore[arg-type, attr-defined]

        return Column()


class RichReporter:
    """One live line per phase."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        task = self._progress.add_task(name, total=None, text="", counted=False, mark="")
        try:
            yield _RichPhase(self._progress, task)
        except BaseException:
            self._end(task, "[red]✗[/red]")
            raise
        self._end(task, "[green]✓[/green]")

    def _end(self, task: TaskID, mark: str) -> None:
        self._progress.update(task, total=1, completed=1, counted=False, text="", mark=mark)


class _RichPhase:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def update(self, text: str = "", done: int = 0, total: int = 0) -> None:
        shown = f"{text} {done}/{total}" if total else text
        # a full bar would count as a finished task and stop its clock
        self._progress.update(self._task, text=shown, counted=total > 0, completed=done, total=total + 0.001 if total else None)


class PlainReporter:
    """A line when a phase begins, now and then while it goes on, and one with its time when it ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        with self._lock:
            print(text, file=self._stream, flush=True)

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        started = time.monotonic()
        self.say(f"{name} ...")
        try:
            yield _PlainPhase(self, name, started)
        except BaseException:
            self.say(f"{name}: failed after {time.monotonic() - started:.1f} s")
            raise
        self.say(f"{name}: done in {time.monotonic() - started:.1f} s")


class _PlainPhase:
    def __init__(self, reporter: PlainReporter, name: str, started: float) -> None:
        self._reporter, self._name, self._started = reporter, name, started
        self._said, self._text = started, ""

    def update(self, text: str = "", done: int = 0, total: int = 0) -> None:
        now = time.monotonic()
        if now - self._said < _PLAIN_INTERVAL or text == self._text and not total:
            return
        self._said, self._text = now, text
        count = f" {done}/{total}" if total else ""
        self._reporter.say(f"{self._name}: {text}{count} ({now - self._started:.0f} s)")


