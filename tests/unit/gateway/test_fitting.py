"""Requests made to fit: the longest answer, and what keeps prompts from being found in the cache."""

from __future__ import annotations

from typing import Any

import pytest

from slipway.gateway.fitting import ANSWER_NAMES, Lengths, drop_attribution, lower_longest_answer

LENGTHS = Lengths(context=4096, default=512)


@pytest.mark.parametrize(
    ("call", "sent", "then"),
    [
        ("acompletion", {"max_tokens": 5000}, {"max_tokens": 4096}),
        ("acompletion", {"max_completion_tokens": 5000}, {"max_completion_tokens": 4096}),
        ("acompletion", {"max_completion_tokens": 5, "max_tokens": 6}, {"max_completion_tokens": 5, "max_tokens": 6}),
        ("anthropic_messages", {"max_tokens": 128000}, {"max_tokens": 4096}),
        ("aresponses", {"max_output_tokens": 4097}, {"max_output_tokens": 4096}),
        ("acompletion", {"max_tokens": 4096}, {"max_tokens": 4096}),
        ("acompletion", {}, {}),
        ("acompletion", {"max_tokens": "many"}, {"max_tokens": "many"}),
    ],
)
def test_an_answer_beyond_the_context_is_lowered_and_nothing_else(call: str, sent: dict[str, Any], then: dict[str, Any]) -> None:
    lower_longest_answer(sent, ANSWER_NAMES[call], LENGTHS)

    assert sent == then


def test_a_default_beyond_the_context_is_lowered_for_a_client_that_says_nothing() -> None:
    data: dict[str, Any] = {}
    lower_longest_answer(data, ANSWER_NAMES["acompletion"], Lengths(context=4096, default=131072))

    assert data == {"max_tokens": 4096}


def test_nothing_is_lowered_while_the_context_is_not_known() -> None:
    data: dict[str, Any] = {"max_tokens": 10**9}
    lower_longest_answer(data, ANSWER_NAMES["acompletion"], Lengths(0, 0))

    assert data == {"max_tokens": 10**9}


def test_claude_codes_line_about_itself_is_dropped_and_the_rest_of_the_prompt_kept() -> None:
    prompt = {"type": "text", "text": "You are kind.", "cache_control": {"type": "ephemeral"}}
    data: dict[str, Any] = {"system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1"}, prompt]}
    drop_attribution(data)

    assert data == {"system": [prompt]}


@pytest.mark.parametrize("data", [{}, {"system": "You are kind."}, {"system": None}])
def test_a_system_prompt_of_another_kind_is_left_alone(data: dict[str, Any]) -> None:
    before = dict(data)
    drop_attribution(data)

    assert data == before
