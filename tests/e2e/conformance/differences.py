"""What the lane's answers may differ in from LiteLLM's, and why; docs/gateway.md shows this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """An intended difference; the comparison in `compare.py` levels exactly these."""

    where: str
    lane: str
    litellm: str
    reason: str


DIFFERENCES = (
    Difference(
        "fields without a value",
        "as the engine sends them: null, or left out",
        "partly dropped, partly added",
        "nothing is parsed; null and absent mean the same in these protocols",
    ),
    Difference(
        "provider_specific_fields",
        "the engine's own fields stand where the engine puts them, such as stop_reason in a choice",
        "the engine's own fields are copied into provider_specific_fields",
        "nothing is parsed",
    ),
    Difference("ids, created, system_fingerprint, order of fields", "the engine's", "partly LiteLLM's", "nothing is parsed"),
    Difference("finish_reason of a stream", "on the event of the last token", "on an event of its own", "events pass as they arrive"),
    Difference(
        "usage of a stream",
        "on an event with empty choices, as OpenAI sends it",
        "on an event with an empty delta",
        "events pass as they arrive",
    ),
    Difference(
        "logprobs of a stream",
        "also of tokens that are no text, such as <think>",
        "only with text",
        "events without text pass too",
    ),
    Difference("a stream of several choices", "each choice has its role and finish_reason", "only the first has", "LiteLLM loses them"),
    Difference("usage_object of a spend row", "what the engine sent", "the same with empty fields added", "nothing is added"),
    Difference("traceback of a failed request's spend row", "has the lane in it", "has not", "the lane has asked LiteLLM to try again"),
)

# headers whose values differ from one request to the next, or that describe the bytes themselves
VARYING = frozenset({
    "date", "content-length", "x-litellm-call-id", "x-litellm-response-duration-ms", "x-litellm-overhead-duration-ms",
    "x-litellm-callback-duration-ms", "llm_provider-date", "llm_provider-content-length", "x-litellm-key-spend", "x-slipway-lane",
})  # fmt: skip

# columns of a spend row that differ from one request to the next
VARYING_COLUMNS = frozenset({
    "request_id", "startTime", "endTime", "completionStartTime", "session_id", "request_duration_ms", "created_at", "updated_at",
    "litellm_call_id", "id",
})  # fmt: skip
_VARYING_METADATA = frozenset({"litellm_call_id", "queue_time_seconds", "litellm_overhead_time_ms", "user_api_key_spend"})


def level_row(row: dict[str, Any]) -> dict[str, Any]:
    """A spend row without what varies, and without fields that hold nothing."""
    metadata = {name: value for name, value in (row.get("metadata") or {}).items() if name not in _VARYING_METADATA and value is not None}
    if "error_information" in metadata:
        metadata["error_information"] = {name: value for name, value in metadata["error_information"].items() if name != "traceback"}
    kept = {name: value for name, value in row.items() if name not in VARYING_COLUMNS}
    levelled = without_nothing({**kept, "metadata": metadata})
    assert isinstance(levelled, dict)
    return levelled


def without_nothing(value: Any) -> Any:
    """`value` without fields that are null or empty, at any depth."""
    if isinstance(value, dict):
        inner = {name: without_nothing(item) for name, item in value.items()}
        return {name: item for name, item in inner.items() if item is not None and item != {} and item != []}
    if isinstance(value, list):
        return [without_nothing(item) for item in value]
    return value
