"""What Slipway asks of an inference server: a plan for one replica, and the meaning of its log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from slipway.plan import EnginePlan, EngineRequest


@dataclass(frozen=True)
class LogSign:
    """What one log line says about the start: a phase, and a count where the line has one."""

    phase: str
    done: int = 0
    total: int = 0


class Engine(Protocol):
    def build_plan(self, request: EngineRequest) -> EnginePlan:
        """Argv, environment and address of one replica. Raises ConfigError."""

    def read_sign(self, line: str) -> LogSign | None:
        """The phase that a log line announces, if it announces one."""
