"""The whole error tree: what a user is told, and the exit code that goes with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class SlipwayError(Exception):
    """Something could not be done; the message says what, where and why, the hint what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in one file; `line` counts from 1, 0 means the file as a whole."""

    path: str
    line: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(SlipwayError):
    """The configuration is wrong; carries every problem found, in file order."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem], *, hint: str = "") -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems), hint=hint)


class UsageError(SlipwayError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class FactsError(SlipwayError):
    """What has to be known of a model is not known here."""


class SetupError(SlipwayError):
    """An environment (Python packages, Node packages) could not be built."""


class LaunchError(SlipwayError):
    """A part did not start, or died while the stack was starting."""


class StackError(SlipwayError):
    """The running stack cannot do what was asked of it."""


class DatabaseError(SlipwayError):
    """PostgreSQL could not be reached, or refused what was asked of it."""
