"""Tokens that the engine does not count, with LiteLLM's own code."""

from collections.abc import Callable
from typing import Any


def test_litellms_tokenizer_is_read_for_text_only_and_not_for_requests_that_found_no_engine(in_gateway: Callable[..., Any]) -> None:
    assert in_gateway("token_counts") == {
        "read_ahead": False,
        "failed": 0,
        "handed_on": "cl100k_base",
        "empty": 0,
        "read_for_these": False,
        "text": 2,
        "read_for_text": True,
    }


def test_where_litellm_serves_a_request_itself_it_is_read_before(in_gateway: Callable[..., Any]) -> None:
    found = in_gateway("token_counts", "ahead")

    assert [found["read_ahead"], found["text"]] == [True, 2]
