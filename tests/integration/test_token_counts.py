"""Tokens that the engine does not count, with LiteLLM's own code."""

from collections.abc import Callable
from typing import Any


def test_litellms_tokenizer_is_read_for_text_only_and_not_for_requests_that_found_no_engine(in_gateway: Callable[..., Any]) -> None:
    assert in_gateway("token_counts") == {
        "failed": 0,
        "handed_on": "cl100k_base",
        "empty": 0,
        "read_for_these": False,
        "text": 2,
        "read_for_text": True,
    }
