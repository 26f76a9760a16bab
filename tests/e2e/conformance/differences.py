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
    Difference("a chat stream that says the same a hundred times", "goes on", "is ended with an error", "nothing is parsed"),
    Difference(
        "completions: logprobs, choices and token ids",
        "streamed logprobs; a choice per prompt and per n; prompts of token ids",
        "no streamed logprobs; all streamed choices are choice 0; status 500 for token ids",
        "LiteLLM loses them, and knows no token ids for this provider",
    ),
    Difference(
        "completions: usage of a stream",
        "once, where the client asks for it; exact in the spend row",
        "zeros on every event, and in the spend row too unless the client asks",
        "the engine is always asked",
    ),
    Difference(
        "completions, messages, embeddings: headers",
        "those that chat completions have",
        "without the engine's own (llm_provider-…), cost and timing",
        "one code makes them",
    ),
    Difference(
        "messages: stop_reason",
        "stop_sequence with the sequence; tool_use for a tool that the client forced",
        "end_turn",
        "the translation to chat completions loses it",
    ),
    Difference(
        "messages: tools with names beyond 64 letters", "the model reads them whole", "cut, with a hash", "the engine has no such limit"
    ),
    Difference(
        "messages: texts of several system blocks",
        "read one behind the other, as the count of tokens does",
        "the same, or with a new line between: the chat template decides",
        "the engine puts them together",
    ),
    Difference("messages: empty text before a tool_use", "none", "a text block without text", "the engine leaves it out"),
    Difference(
        "messages: usage",
        "the prompt's tokens in message_start already; counts of cached tokens, 0 where the engine does not count them",
        "0 in message_start; no counts of cached tokens at the end",
        "clients add them up",
    ),
    Difference("messages: signature of a thought", "a random number", "none", "Anthropic's clients expect one"),
    Difference(
        "messages: api_base and kinds of tokens in a spend row",
        "…/v1/messages; no count of tokens of thought",
        "…/v1/chat/completions; with it",
        "the engine's /v1/messages does not tell",
    ),
    Difference(
        "messages: a route's repetition_penalty of 1, and min_p and penalties of 0",
        "not sent: the engine's /v1/messages takes none; they change nothing unless the model's generation_config.json has others",
        "sent",
        "routes with other values pass",
    ),
    Difference("responses: end of a stream", "response.completed", "the same, and data: [DONE]", "as OpenAI sends it"),
    Difference(
        "responses: model within a stream",
        "the client's name, in the response",
        "the engine's name in the response, the client's beside it on every event",
        "as OpenAI sends it",
    ),
    Difference("usage_object of a spend row", "what the engine sent", "the same with empty fields added", "nothing is added"),
    Difference(
        "Prometheus counters",
        "the prompt of a stream that was left as the engine counts it; no tokens of thought of messages; the overhead of completions",
        "an estimate; with it; without",
        "the engine is asked, and its /v1/messages does not tell; one code times all protocols",
    ),
    Difference("traceback of a failed request's spend row", "has the lane in it", "has not", "the lane has asked LiteLLM to try again"),
)

# headers that LiteLLM has for chat completions, and not for the protocols named here
WITHOUT_HEADERS = ("completions", "messages", "embeddings")
HEADERS_OF_CHAT = (
    "llm_provider-", "x-litellm-overhead-duration", "x-litellm-callback-duration", "x-litellm-model-api-base", "x-litellm-response-cost",
)  # fmt: skip

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


def level_row(row: dict[str, Any], protocol: str) -> dict[str, Any]:
    """A spend row without what varies, and without fields that hold nothing."""
    if protocol in ("completions", "messages"):
        row = _without_kinds(row)
    if protocol == "completions" and row.get("status") != "failure":
        row = {**row, **dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"))}
    if protocol == "responses":
        row = {**row, "metadata": {**(row.get("metadata") or {}), "additional_usage_values": None}}
    if protocol == "messages":
        row = {**row, "api_base": str(row["api_base"]).replace("/chat/completions", "/messages")}
    metadata = {name: value for name, value in (row.get("metadata") or {}).items() if name not in _VARYING_METADATA and value is not None}
    if "error_information" in metadata:
        metadata["error_information"] = {name: value for name, value in metadata["error_information"].items() if name != "traceback"}
    kept = {name: value for name, value in row.items() if name not in VARYING_COLUMNS}
    levelled = without_nothing({**kept, "metadata": metadata})
    assert isinstance(levelled, dict)
    return levelled


def _without_kinds(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what its metadata tell about kinds of tokens."""
    names = ("usage_object", "additional_usage_values")
    return {**row, "metadata": {name: value for name, value in (row.get("metadata") or {}).items() if name not in names}}


def without_nothing(value: Any) -> Any:
    """`value` without fields that are null or empty, at any depth."""
    if isinstance(value, dict):
        inner = {name: without_nothing(item) for name, item in value.items()}
        return {name: item for name, item in inner.items() if item is not None and item != {} and item != []}
    if isinstance(value, list):
        return [without_nothing(item) for item in value]
    return value
