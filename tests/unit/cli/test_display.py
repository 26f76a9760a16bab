"""The phases of a launch as plain lines."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest

from slipway.cli.display import PlainReporter, open_reporter


@dataclass
class FakeClock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_phase_says_when_it_begins_and_how_long_it_took() -> None:
    stream, clock = io.StringIO(), FakeClock()
    with PlainReporter(stream, clock).phase("gateway"):
        clock.now += 2.25
    assert stream.getvalue() == "gateway ...\ngateway: done in 2.2 s\n"


def test_a_phase_that_fails_says_so_and_passes_the_error_on() -> None:
    stream, clock = io.StringIO(), FakeClock()
    with pytest.raises(KeyboardInterrupt), PlainReporter(stream, clock).phase("engine"):
        clock.now += 7
        raise KeyboardInterrupt
    assert stream.getvalue() == "engine ...\nengine: failed after 7.0 s\n"


def test_a_long_phase_speaks_every_five_seconds_and_repeats_only_counts() -> None:
    stream, clock = io.StringIO(), FakeClock()
    with PlainReporter(stream, clock).phase("engine") as phase:
        for seconds, text, done, total in (
            (1, "too early", 0, 0),
            (5, "loading weights", 1, 4),
            (4, "too early again", 0, 0),
            (1, "loading weights", 2, 4),
            (5, "warming up", 0, 0),
            (5, "warming up", 0, 0),
            (5, "starting", 0, 0),
        ):
            clock.now += seconds
            phase.update(text, done, total)
    assert stream.getvalue().splitlines() == [
        "engine ...",
        "engine: loading weights 1/4 (6 s)",
        "engine: loading weights 2/4 (11 s)",
        "engine: warming up (16 s)",
        "engine: starting (26 s)",
        "engine: done in 26.0 s",
    ]


def test_phases_side_by_side_each_name_themselves() -> None:
    stream, clock = io.StringIO(), FakeClock()
    reporter = PlainReporter(stream, clock)
    with reporter.phase("a"), reporter.phase("b"):
        clock.now += 1
    assert stream.getvalue() == "a ...\nb ...\nb: done in 1.0 s\na: done in 1.0 s\n"


def test_without_a_terminal_the_lines_are_plain_and_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with open_reporter() as reporter, reporter.phase("engine"):
        pass
    captured = capsys.readouterr()
    assert (captured.out, captured.err.splitlines()[0]) == ("", "engine ...")
