"""Waits for parts to become ready: as long as there is progress, and not a moment longer once one has died."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from slipway.configuration import Configuration
from slipway.engines.base import LogSign
from slipway.errors import LaunchError
from slipway.launchers.base import Phase, Program
from slipway.observe.diagnosis import likely_cause
from slipway.observe.health import first_answer
from slipway.observe.progress import bytes_in
from slipway.plan import Plan
from slipway.secrets import Secret

_POLL = 0.1  # seconds between two looks; a look costs about 2 ms
_TAIL = 15  # lines of a dead part's log that a person is shown
_AFTER_ERROR = 5  # lines, the error's own among them


class Clock(Protocol):
    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class Programs(Protocol):
    def programs(self) -> dict[str, Program]: ...


class Log(Protocol):
    """One part's log from the moment it is opened."""

    @property
    def place(self) -> str:
        """Where a person finds it."""

    def new_lines(self) -> list[str]: ...

    def last_lines(self, count: int) -> list[str]: ...


SYSTEM_CLOCK: Clock = time


@dataclass
class Part:
    """One part that is being watched; `look` sees its new log lines and says whether there was progress."""

    name: str
    log: Log
    look: Look
    moved: float  # when progress was last seen, on the watch's clock
    pid: int = 0
    phase: str = ""


Look = Callable[["Part", list[str]], bool]


@dataclass
class Watch:
    """Watches the parts of one launch through what supervises them.

    A part is dead when its supervisor says so, or when it runs under another process id than before: it has then been
    restarted already, and a launch does not live on restarts.
    """

    supervisor: Programs
    open_log: Callable[[str], Log]
    stall_timeout: float  # seconds
    clock: Clock = SYSTEM_CLOCK
    parts: dict[str, Part] = field(default_factory=dict)

    def add(self, name: str, look: Look | None = None) -> None:
        """Watch `name` from now on; call it before the part is started. By default any new log line is progress."""
        self.parts[name] = Part(name, self.open_log(name), look or _any_line, self.clock.monotonic())

    def check(self) -> None:
        """Look at every watched part once. Raises LaunchError when one has died."""
        programs = self.supervisor.programs()
        for part in self.parts.values():
            if part.look(part, part.log.new_lines()):
                part.moved = self.clock.monotonic()
            program = programs[part.name]
            restarted = part.pid and program.pid and program.pid != part.pid
            if program.dead or restarted:
                raise self.death(part, program)
            part.pid = part.pid or program.pid

    def wait(self, name: str, ready: Callable[[], bool]) -> None:
        """Wait until `ready()`. Raises LaunchError when a watched part dies, or this one makes no progress for too long."""
        part = self.parts[name]
        part.moved = self.clock.monotonic()
        while not ready():
            self.check()
            if self.clock.monotonic() - part.moved > self.stall_timeout:
                raise self._stall(part)
            self.clock.sleep(_POLL)
        self.check()

    def death(self, part: Part, program: Program) -> LaunchError:
        """What to say of a part that its supervisor calls dead."""
        during = f" while {part.phase}" if part.phase else ""
        return self._failure(part, f"the {part.name} died{during} ({program.description or program.state.lower()})")

    def _stall(self, part: Part) -> LaunchError:
        during = f" while {part.phase}" if part.phase else ""
        return self._failure(
            part, f"the {part.name} has shown no progress for {self.stall_timeout:g} s{during}", "START_STALL_TIMEOUT sets this limit"
        )

    def _failure(self, part: Part, what: str, hint: str = "") -> LaunchError:
        lines = part.log.last_lines(400)
        shown = "\n".join(f"  | {line}" for line in _telling(lines)[-_TAIL:])
        cause = likely_cause(lines)
        return LaunchError(
            f"{what}; the last lines of {part.log.place}:\n{shown or '  | (nothing)'}",
            hint=f"likely cause: {cause}" if cause else hint or f"the whole log: ./runMe.sh logs {part.name}",
        )


def _telling(lines: list[str]) -> list[str]:
    """The lines up to the last error and what explains it: programs often end with the frames of a wrapper."""
    last = max((index for index, line in enumerate(lines) if "Error" in line or "error:" in line), default=len(lines))
    return lines[: last + _AFTER_ERROR]


def _any_line(part: Part, lines: list[str]) -> bool:
    return bool(lines)


def check_answer(plan: Plan, configuration: Configuration, key: Secret, watch: Watch) -> None:
    """One token through the whole chain, unless the model is none that chats. Raises LaunchError."""
    if configuration.flag_value("--runner") == "pooling":
        return
    answer = first_answer(plan.gateway.url, key, plan.gateway.routes[-1].name)
    watch.check()
    if not answer.ok:
        raise LaunchError(
            f"the stack is up but does not answer a chat: status {answer.status}: {answer.text[:500]}",
            hint="./runMe.sh logs shows both sides; the logs stay after this launch",
        )


def look_at_engine(phase: Phase, read_sign: Callable[[str], LogSign | None], cache: Path | None, clock: Clock = SYSTEM_CLOCK) -> Look:
    """A `look` that takes phases from the engine's log, and once a second the bytes that arrive in the model cache."""
    first = known = bytes_in(cache)
    looked = clock.monotonic()

    def look(part: Part, lines: list[str]) -> bool:
        nonlocal known, looked
        for sign in filter(None, map(read_sign, lines)):
            part.phase = sign.phase
            phase.update(sign.phase, sign.done, sign.total)
        if not cache or clock.monotonic() - looked < 1:
            return bool(lines)
        looked, size = clock.monotonic(), bytes_in(cache)
        grown, known = size > known, size
        if grown:
            part.phase = "downloading the model"
            phase.update(f"downloading the model: {(known - first) / 1e9:.2f} GB so far")
        return bool(lines) or grown

    return look
