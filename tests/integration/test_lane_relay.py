"""The lane's way from an engine's socket to a client's, with the gateway's own HTTP parser."""

from collections.abc import Callable
from typing import Any


def test_nothing_is_read_for_a_slow_client_and_all_arrives_in_the_end(in_gateway: Callable[..., Any]) -> None:
    found = {"bytes": 32 * 1024 * 1024, "right": True, "came while the client was slow": False, "kept": True, "error": ""}
    assert in_gateway("lane_relay", "slow", timeout=60) == {**found, "left for the garbage collector": False}


def test_an_answer_that_breaks_off_is_an_error_and_its_connection_is_dropped_at_once(in_gateway: Callable[..., Any]) -> None:
    found = {"bytes": 1024, "right": True, "came while the client was slow": False, "kept": False, "error": "EngineGone"}
    assert in_gateway("lane_relay", "broken", timeout=60) == {**found, "left for the garbage collector": False}


def test_a_connection_that_is_lost_without_a_word_is_an_error_too(in_gateway: Callable[..., Any]) -> None:
    assert in_gateway("lane_relay", "wordless", timeout=60) == "the engine closed the connection"
