"""Tokens of requests that failed, with LiteLLM's own code."""

from collections.abc import Callable
from typing import Any


def test_the_prompt_of_a_request_that_found_no_engine_has_no_tokens(in_gateway: Callable[..., Any]) -> None:
    assert in_gateway("token_counts") == 0
