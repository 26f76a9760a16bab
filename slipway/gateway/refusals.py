"""What LiteLLM's error answers mean, and how the client's protocol says it. Pure.

LiteLLM wraps the engine's own words in its own, once or twice. Clients look for their protocol's words: Claude Code
compacts the conversation when it reads "prompt is too long", OpenAI's clients look for `context_length_exceeded`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slipway.gateway.phase import away_text


@dataclass(frozen=True)
class Refusal:
    """`kind` is Anthropic's error type; `type`, `param` and `code` are OpenAI's."""

    status: int
    text: str
    kind: str
    type: str
    param: str | None
    code: str | None
    anthropic_text: str = ""  # where Anthropic's clients look for other words

    def body(self, path: str) -> dict[str, Any]:
        """The answer's body, in the shape of the protocol that `path` belongs to."""
        if path.endswith(("/messages", "/messages/count_tokens")):
            return {"type": "error", "error": {"type": self.kind, "message": self.anthropic_text or self.text}}
        return {"error": {"message": self.text, "type": self.type, "param": self.param, "code": self.code}}


ENGINE_AWAY = Refusal(
    status=503,
    text=away_text(""),
    kind="overloaded_error",
    type="overloaded_error",
    param=None,
    code="service_unavailable",
)

_UNKNOWN_MODEL = re.compile(r"Invalid model name passed in model=(.*?)\. Call|You passed in model=(.*?)\. There are no healthy deployments")
_TOO_LONG = (
    re.compile(r"maximum context length is (?P<most>\d+) tokens.*?(?P<tokens>\d+) input tokens"),
    re.compile(r"engine prompt length (?P<tokens>\d+) exceeds the max_model_len (?P<most>\d+)"),
    re.compile(r"Input length \((?P<tokens>\d+)\) exceeds model's maximum context length \((?P<most>\d+)\)"),
    re.compile(r"prompt \(length (?P<tokens>\d+)\) is longer than the maximum model length of (?P<most>\d+)"),
)
_NO_MEDIA = re.compile(r"is not a multimodal model|At most 0 (?:image|video|audio)")
_WRAPPED = re.compile(r"Hosted_vllmException - ")


def read_refusal(message: str, models: Callable[[], list[str]]) -> Refusal | None:
    """What a 400's message means; None where nothing needs saying. `models` gives the names that clients may use."""
    if found := _UNKNOWN_MODEL.search(message):
        name = found[1] or found[2]
        text = f"There is no model {name!r} here; this gateway serves: {', '.join(models())}."
        return Refusal(404, text, "not_found_error", "not_found_error", "model", "model_not_found")
    if found := next((match for pattern in _TOO_LONG if (match := pattern.search(message))), None):
        return _too_long(int(found["tokens"]), int(found["most"]))
    if _NO_MEDIA.search(message):
        text = "This model reads text only: take images and other media out of the conversation, and describe them in words."
        return _bad_request(text)
    if _WRAPPED.search(message):
        return _bad_request(_engine_words(message))
    return None


def _too_long(tokens: int, most: int) -> Refusal:
    return Refusal(
        status=400,
        text=f"This model's maximum context length is {most} tokens. However, your messages resulted in {tokens} tokens. "
        "Please reduce the length of the messages.",
        kind="invalid_request_error",
        type="invalid_request_error",
        param="messages",
        code="context_length_exceeded",
        anthropic_text=f"prompt is too long: {tokens} tokens > {most} maximum",
    )


def _bad_request(text: str) -> Refusal:
    return Refusal(400, text, "invalid_request_error", "invalid_request_error", None, None)


def _engine_words(message: str) -> str:
    """The engine's own message, out of the JSON that LiteLLM quotes; all of it where there is no such thing."""
    quoted = _WRAPPED.split(message)[-1]
    try:
        body, _ = json.JSONDecoder().raw_decode(quoted)
        return str(body["error"]["message"])
    except (ValueError, TypeError, KeyError):
        return quoted.partition("\n")[0]
