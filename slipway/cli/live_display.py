"""One live line per phase in a terminal: a spinner or a mark, the elapsed time, a bar where there is something to count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from slipway.launchers.base import Phase, Reporter


@contextmanager
def open_live_reporter(console: Console | None = None) -> Iterator[Reporter]:
    """Draws on standard error."""
    columns = (
        _MarkColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        _CountColumn(),
        TextColumn("{task.fields[text]}", style="dim"),
    )
    with Progress(*columns, console=console or Console(stderr=True)) as progress:
        yield LiveReporter(progress)


class _MarkColumn(SpinnerColumn):
    """Turns while a phase goes on, then says how it ended."""

    def render(self, task: Task) -> RenderableType:
        return Text.from_markup(task.fields["mark"]) if task.fields["mark"] else super().render(task)


class _CountColumn(ProgressColumn):
    """A bar, for phases that count."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = BarColumn(bar_width=24)

    def render(self, task: Task) -> RenderableType:
        return self._bar.render(task) if task.fields["counted"] else Text("")


class LiveReporter:
    """Phases as tasks of a rich Progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        task = self._progress.add_task(name, total=None, text="", counted=False, mark="")
        try:
            yield _LivePhase(self._progress, task)
        except BaseException:
            self._end(task, "[red]✗[/red]")
            raise
        self._end(task, "[green]✓[/green]")

    def _end(self, task: TaskID, mark: str) -> None:
        self._progress.update(task, total=1, completed=1, counted=False, text="", mark=mark)


class _LivePhase:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def update(self, text: str = "", done: int = 0, total: int = 0) -> None:
        shown = f"{text} {done}/{total}" if total else text
        # a full bar would count as a finished task and stop its clock
        self._progress.update(self._task, text=shown, counted=total > 0, completed=done, total=total + 0.001 if total else None)
