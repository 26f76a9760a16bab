"""What LiteLLM's errors mean: the words of each protocol."""

from __future__ import annotations

import json

import pytest

from slipway.gateway.refusals import read_refusal

INSIDE = {"error": {"message": "temperature must be non-negative, got -5.0.", "type": "BadRequestError", "param": None, "code": 400}}
LENGTH = "This model's maximum context length is 4096 tokens. However, your prompt contains at least 4097 input tokens, which exceeds"


def wrapped(text: str) -> str:
    """The engine's answer as LiteLLM quotes it."""
    quoted = json.dumps({"error": {"message": text, "code": 400}})
    return f"litellm.BadRequestError: Hosted_vllmException - {quoted}\nmodel=vllm_agent.\n\nLiteLLM: model group 'vllm_agent' failed"


def models() -> list[str]:
    return ["demo", "vllm_agent"]


@pytest.mark.parametrize(
    "message",
    [
        wrapped(LENGTH),
        LENGTH,
        "The engine prompt length 4097 exceeds the max_model_len 4096. Please reduce prompt.",
        "Input length (4097) exceeds model's maximum context length (4096).",
        "The decoder prompt (length 4097) is longer than the maximum model length of 4096.",
    ],
)
def test_a_prompt_that_is_too_long_is_said_in_each_protocols_words(message: str) -> None:
    refusal = read_refusal(message, models)

    assert refusal is not None and refusal.status == 400
    assert refusal.body("/v1/messages") == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "prompt is too long: 4097 tokens > 4096 maximum"},
    }
    assert refusal.body("/v1/chat/completions") == {
        "error": {
            "message": "This model's maximum context length is 4096 tokens. However, your messages resulted in 4097 tokens. "
            "Please reduce the length of the messages.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    }


@pytest.mark.parametrize("text", ["demo is not a multimodal model", "At most 0 image(s) may be provided in one prompt."])
def test_an_image_for_a_model_that_reads_text_only_is_refused_in_plain_words(text: str) -> None:
    refusal = read_refusal(wrapped(text), models)

    assert refusal is not None
    assert refusal.body("/v1/messages")["error"] == {
        "type": "invalid_request_error",
        "message": "This model reads text only: take images and other media out of the conversation, and describe them in words.",
    }


def test_the_engines_own_words_are_freed_from_those_around_them() -> None:
    refusal = read_refusal(wrapped("temperature must be non-negative, got -5.0."), models)

    assert refusal is not None
    assert refusal.body("/v1/responses") == {
        "error": {
            "message": "temperature must be non-negative, got -5.0.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
    }


def test_engine_words_that_are_no_json_are_handed_on() -> None:
    refusal = read_refusal("litellm.BadRequestError: Hosted_vllmException - out of cheese\nmodel=x", models)

    assert refusal is not None and refusal.text == "out of cheese"


@pytest.mark.parametrize(
    "message",
    [
        "/chat/completions: Invalid model name passed in model=gpt-4. Call `/v1/models` to view",
        "litellm.BadRequestError: You passed in model=gpt-4. There are no healthy deployments for this model",
    ],
)
def test_an_unknown_model_is_a_404_that_names_the_known_ones(message: str) -> None:
    refusal = read_refusal(message, models)

    assert refusal is not None
    assert (refusal.status, refusal.text) == (404, "There is no model 'gpt-4' here; this gateway serves: demo, vllm_agent.")


def test_other_errors_need_no_other_words() -> None:
    assert read_refusal("messages is required", models) is None
