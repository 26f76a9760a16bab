"""The error tree: messages and exit codes."""

from __future__ import annotations

import pytest

from slipway.errors import ConfigError, DatabaseError, LaunchError, Problem, SetupError, SlipwayError, StackError, UsageError


def test_a_problem_shows_file_line_message_and_hint() -> None:
    assert str(Problem("models/a.yml", 7, "it is wrong", "do it right")) == "models/a.yml:7: it is wrong (do it right)"
    assert str(Problem("models/a.yml", 0, "it is wrong")) == "models/a.yml: it is wrong"


def test_a_config_error_lists_each_problem_once_in_file_order() -> None:
    late, early, other = Problem("b.yml", 10, "late"), Problem("b.yml", 9, "early"), Problem("a.yml", 99, "other")
    error = ConfigError([late, early, other, late])
    assert error.problems == (other, early, late)
    assert error.message == "a.yml:99: other\nb.yml:9: early\nb.yml:10: late"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError([]), 2),
        (UsageError("x"), 2),
        (SetupError("x"), 1),
        (LaunchError("x"), 1),
        (StackError("x"), 1),
        (DatabaseError("x"), 1),
        (SlipwayError("x", exit_code=9), 9),
    ],
)
def test_each_error_has_its_exit_code(error: SlipwayError, code: int) -> None:
    assert error.exit_code == code
