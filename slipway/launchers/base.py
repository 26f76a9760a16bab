"""What every launcher can do, and how it tells what it is doing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from slipway.configuration import Configuration
from slipway.database.query import Fetch
from slipway.secrets import Secret


class Phase(Protocol):
    def update(self, text: str = "", done: int = 0, total: int = 0) -> None:
        """Say what goes on inside this phase; `total` above 0 makes it a progress bar."""


class Reporter(Protocol):
    def phase(self, name: str) -> AbstractContextManager[Phase]:
        """Open a phase; leaving it ends it, leaving it by an exception marks it failed."""


class SilentReporter:
    """Says nothing; for tests and for calls that have nothing to show."""

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        yield self

    def update(self, text: str = "", done: int = 0, total: int = 0) -> None:
        pass


_DEAD = ("EXITED", "FATAL", "BACKOFF", "UNKNOWN")


@dataclass(frozen=True)
class Program:
    """What runs a part says about it, in supervisord's words for states; `started` is seconds since the epoch."""

    name: str
    state: str
    pid: int
    started: float
    description: str

    @property
    def dead(self) -> bool:
        return self.state in _DEAD

    @property
    def running(self) -> bool:
        return self.state in ("STARTING", "RUNNING")


@dataclass(frozen=True)
class PartStatus:
    """One part of a running stack. `state` is stopped, starting, ready or failed; times in seconds, memory in bytes."""

    part: str
    state: str
    pid: int = 0
    address: str = ""
    uptime: float = 0.0
    memory: int = 0
    detail: str = ""


@dataclass(frozen=True)
class StackStatus:
    """The whole stack; `model` is empty when nothing runs."""

    model: str
    runtime: str
    parts: tuple[PartStatus, ...]

    @property
    def state(self) -> str:
        states = {part.state for part in self.parts}
        if not self.model or states <= {"stopped"}:
            return "stopped"
        if states == {"ready"}:
            return "ready"
        return "failed" if "failed" in states else "starting"


@dataclass(frozen=True)
class Access:
    """How a client on this machine reaches the stack, and what the model can do; lengths in tokens, 0: not known."""

    url: str
    key: Secret
    model: str
    context: int = 0  # prompt and answer together
    output: int = 0  # the longest answer that still leaves half the context to the prompt
    tools: bool = True
    images: bool = False  # whether the model reads them; only `connect` asks
    changed: bool = True  # False: the stack ran already, just like this


class Launcher(Protocol):
    def up(self, configuration: Configuration) -> Access:
        """Make the stack run this model and wait until it answers. Raises LaunchError, SetupError, StackError."""

    def down(self, *, volumes: bool = False) -> bool:
        """Stop everything; `volumes` deletes the data too. Gives False where nothing ran."""

    def status(self) -> StackStatus:
        """What runs now."""

    def access(self) -> Access:
        """How to reach the running stack. Raises StackError where none is ready."""

    def prepare(self, configuration: Configuration) -> None:
        """Build or pull what `up` would need. Raises SetupError."""

    def logs(self, part: str = "", *, follow: bool = False, lines: int = 200) -> Iterator[str]:
        """The last lines of one part's log, or of all when `part` is empty; then new ones. Raises UsageError for an unknown part."""

    def usage(self) -> Fetch:
        """Asks the stack's database. Raises StackError when there is none."""
