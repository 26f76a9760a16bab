"""What Slipway asks of an inference server: a plan for one replica, and the meaning of its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from slipway.errors import Problem
from slipway.plan import Argument, EnginePlan, EngineRequest


@dataclass(frozen=True)
class LogSign:
    """What one log line says about the start: a phase, and a count where the line has one."""

    phase: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Findings:
    """What a check of an engine's plan says: mistakes, warnings, and a note where the check itself has limits."""

    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    note: str = ""

    def __add__(self, other: Findings) -> Findings:
        notes = dict.fromkeys(filter(None, (self.note, other.note)))
        return Findings(self.errors + other.errors, self.warnings + other.warnings, "; ".join(notes))


class Engine(Protocol):
    def build_plan(self, request: EngineRequest) -> EnginePlan:
        """Argv, environment and address of one replica. Raises ConfigError."""

    def check(self, plan: EnginePlan, version: str, read: Callable[[str], str]) -> Findings:
        """What this version of the engine would refuse or ignore; `read` gives the text of a file that a flag names.

        `version` is empty where it is not known.
        """

    def configured(self, plan: EnginePlan, read: Callable[[str], str]) -> tuple[Argument, ...]:
        """What configuration files that the command names say, as arguments with their file and line; weaker than the command's."""

    def describe_flag(self, name: str, version: str) -> tuple[str, str, str] | None:
        """The engine's own default for a flag (empty: none), whose default it is, and what it takes; None where there is no such flag."""

    def read_sign(self, line: str) -> LogSign | None:
        """The phase that a log line announces, if it announces one."""
