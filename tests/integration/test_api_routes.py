"""What FastAPI does about LiteLLM's routes, and has of them."""

from collections.abc import Callable
from typing import Any


def test_the_description_is_made_once_for_the_same_routes_while_the_event_loop_goes_on(in_gateway: Callable[..., Any]) -> None:
    assert in_gateway("api_routes", "description") == {
        "first": [["/one"]] * 3,
        "second": ["/one", "/two"],
        "times made": 2,
        "kept": None,
        "servers under a path": [{"url": "/under"}],
    }


def test_the_routes_of_a_feature_are_ready_before_the_request_that_has_it_loaded_goes_on(in_gateway: Callable[..., Any]) -> None:
    assert in_gateway("api_routes", "feature") == {"before": [False], "after": [True] * 4, "answer": "/two"}


def test_what_routes_depend_on_is_kept_once_for_those_that_ask_alike(in_gateway: Callable[..., Any]) -> None:
    assert in_gateway("api_routes", "dependencies") == {
        "same": [0, 0, 2] * 2,
        "answers": ["a none", "nobody's none", "b none", "a none", "b none"],
    }
