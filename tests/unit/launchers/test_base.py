"""The state of a whole stack, from the states of its parts."""

from __future__ import annotations

import pytest

from slipway.launchers.base import PartStatus, StackStatus


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ((), "stopped"),
        (("stopped", "stopped"), "stopped"),
        (("ready", "ready"), "ready"),
        (("ready", "starting"), "starting"),
        (("ready", "stopped"), "starting"),  # the middle of a launch
        (("ready", "failed"), "failed"),
        (("starting", "failed"), "failed"),
    ],
)
def test_a_stack_is_ready_when_all_its_parts_are(states: tuple[str, ...], whole: str) -> None:
    assert StackStatus("demo", "local", tuple(PartStatus("part", state) for state in states)).state == whole


def test_a_stack_without_a_model_is_stopped() -> None:
    assert StackStatus("", "local", ()).state == "stopped"
