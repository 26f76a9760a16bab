"""Brings an answer into a form in which two that mean the same are equal; nothing but the intended differences is levelled."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.e2e.conformance.differences import HEADERS_OF_CHAT, VARYING, WITHOUT_HEADERS, without_nothing

_NO_TEXT = ("<think>", "</think>")
# what an answer is known by: different each time, also through the same gateway
_ONCE = {"id", "created", "system_fingerprint", "provider_specific_fields"}
_CACHE = ("cache_creation_input_tokens", "cache_read_input_tokens")
# of one protocol: the engine's reason of the end, beside the protocol's; a thought's signature, which is a random number
_ONCE_IN = {
    "chat": {"stop_reason"},
    "completions": {"stop_reason"},
    "messages": {"signature"},
    "responses": {"created_at", "item_id", "call_id", "completed_at"},
}


def level_headers(headers: Any, protocol: str) -> dict[str, str]:
    left_out = ("content-length", *HEADERS_OF_CHAT) if protocol in WITHOUT_HEADERS else ("content-length",)
    kept = {name: value for name, value in sorted(headers.items()) if not name.startswith(left_out)}
    return {name: ("" if name in VARYING else level_text(value)) for name, value in kept.items()}


def level_body(protocol: str, content_type: str, text: str) -> Any:
    """The meaning of an answer's body."""
    if content_type.startswith("text/event-stream"):
        return _LEVEL_STREAM[protocol](events(text))
    try:
        body = json.loads(text)
        if protocol == "messages" and isinstance(body, dict) and "content" in body:
            body["content"] = [block for block in body["content"] if block.get("text") != ""]
        return _level_json(body, protocol)
    except ValueError:
        return text


def events(text: str) -> list[Any]:
    """The events of a stream: (name, JSON), or the plain text of one that is no JSON."""
    found = []
    for block in text.split("\n\n"):
        if not block:
            continue
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        data = fields["data"]
        found.append((fields.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return found


def _level_json(value: Any, protocol: str = "chat") -> Any:
    if isinstance(value, dict):
        once = (
            _ONCE | _ONCE_IN.get(protocol, set()) | ({name for name in _CACHE if value.get(name) == 0} if protocol == "messages" else set())
        )
        return without_nothing({name: _level_json(item, protocol) for name, item in value.items() if name not in once})
    if isinstance(value, list):
        return [_level_json(item, protocol) for item in value]
    if isinstance(value, str):
        return level_text(value)
    return value


def level_text(text: str) -> str:
    """A text without the ids and times in it: those that an error repeats, and the engine's ids of tool calls."""
    text = re.sub(r"(chatcmpl-tool|call|chatcmpl|msg)[-_][0-9a-f-]{8,}", "<id>", text)
    # LiteLLM shows the end of one of the keys that it has seen lately
    text = re.sub(r"sk-\.\.\.[\w-]{4}", "<key>", text)
    text = re.sub(r'created\\*":\d+', "created", text)
    return re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.0-9]*(\+00:00| UTC|Z)?", "<time>", text)


def level_chat_stream(found: list[Any]) -> dict[str, Any]:
    """The choices of a chat's stream put together, and the sequence of what came: runs of the same kind count once."""
    choices: dict[int, dict[str, Any]] = {}
    sequence: list[str] = []
    rest: list[Any] = []

    def note(kind: str) -> None:
        if not sequence or sequence[-1] != kind:
            sequence.append(kind)

    for _, data in found:
        if data == "[DONE]":
            note("done")
            continue
        if "error" in data:
            note("error")
            rest.append(_level_json(data))
            continue
        for choice in data["choices"]:
            _add_choice(
                choices.setdefault(choice["index"], {"index": choice["index"]}), choice, note if not data.get("usage") else _nowhere
            )
        if data.get("usage"):
            note("usage")
            rest.append(_level_json(data["usage"]))
        stem = {name: value for name, value in data.items() if name not in ("choices", "usage")}
        if _level_json(stem) not in rest:
            rest.append(_level_json(stem))
    if len(choices) > 1:
        # the engine works on the choices at once: their order in time is chance
        sequence = [kind for kind in ("usage", "done") if kind in sequence]
        for index in set(choices) - {0}:
            choices[index].pop("role", None)
            choices[index].pop("finish_reason", None)
    return {"choices": [choices[index] for index in sorted(choices)], "sequence": sequence, "rest": rest}


def _nowhere(kind: str) -> None:
    """For an event that repeats no content."""


def _add_choice(kept: dict[str, Any], choice: dict[str, Any], note: Any) -> None:
    delta = choice["delta"]
    for name in ("reasoning_content", "content"):
        if delta.get(name):
            note(name)
            kept[name] = kept.get(name, "") + delta[name]
    for call in delta.get("tool_calls") or ():
        note("tool_calls")
        _add_call(kept.setdefault("tool_calls", {}).setdefault(call["index"], {}), call)
    known = {"role", "reasoning_content", "content", "tool_calls", "provider_specific_fields"}
    for name, value in without_nothing({name: value for name, value in delta.items() if name not in known}).items():
        kept.setdefault("other", {})[name] = value
    if delta.get("role"):
        kept["role"] = delta["role"]
    if choice.get("logprobs"):
        tokens = [item for item in choice["logprobs"]["content"] if item["token"] not in _NO_TEXT]
        kept.setdefault("logprobs", []).extend(_level_json(tokens))
    if choice.get("finish_reason"):
        note("finish")
        kept["finish_reason"] = choice["finish_reason"]
    for name, value in choice.items():
        if name not in ("index", "delta", "logprobs", "finish_reason", "stop_reason", *_ONCE) and value is not None:
            kept[name] = value


def _add_call(kept: dict[str, Any], call: dict[str, Any]) -> None:
    function = call.get("function") or {}
    kept["has id"] = kept.get("has id") or bool(call.get("id"))
    kept["type"] = kept.get("type") or call.get("type")
    kept["name"] = kept.get("name") or function.get("name")
    kept["arguments"] = kept.get("arguments", "") + (function.get("arguments") or "")


def level_completion_stream(found: list[Any]) -> dict[str, Any]:
    """The choices of a completion's stream put together."""
    choices: dict[int, dict[str, Any]] = {}
    rest: list[Any] = []
    for _, data in found:
        if data == "[DONE]" or "error" in data:
            rest.append(data if data == "[DONE]" else _level_json(data))
            continue
        for choice in data["choices"]:
            kept = choices.setdefault(choice["index"], {"index": choice["index"], "text": "", "logprobs": {}})
            kept["text"] += choice.get("text") or ""
            kept["finish_reason"] = choice.get("finish_reason") or kept.get("finish_reason")
            for name, values in (choice.get("logprobs") or {}).items():
                kept["logprobs"].setdefault(name, []).extend(values or ())
        if (data.get("usage") or {}).get("total_tokens"):
            rest.append({name: value for name, value in _level_json(data["usage"]).items() if name != "completion_tokens_details"})
    return {"choices": [without_nothing(choices[index]) for index in sorted(choices)], "rest": rest}


def level_message_stream(found: list[Any]) -> dict[str, Any]:
    """A message put together from its events, and their sequence: runs of the same kind count once."""
    blocks: list[dict[str, Any]] = []
    sequence: list[str] = []
    rest: list[Any] = []
    for name, data in found:
        kind = data["type"] + (f" {data['delta']['type']}" if data["type"] == "content_block_delta" else "")
        assert name == data["type"]
        if kind == "ping" or kind == "content_block_delta signature_delta":
            continue
        if not sequence or sequence[-1] != kind:
            sequence.append(kind)
        if data["type"] == "content_block_start":
            assert data["index"] == len(blocks)
            blocks.append(_level_json(data["content_block"], "messages"))
        elif data["type"] == "content_block_delta":
            [(field, text)] = [(field, text) for field, text in data["delta"].items() if field != "type"]
            blocks[data["index"]][field] = blocks[data["index"]].get(field, "") + text
        elif data["type"] == "message_start":
            rest.append(_level_json({**data["message"], "usage": None}, "messages"))
        elif data["type"] != "content_block_stop":
            rest.append(_level_json(data, "messages"))
    return {"blocks": blocks, "sequence": sequence, "rest": rest}


def level_response_stream(found: list[Any]) -> list[Any]:
    """The events, with runs of pieces of one text put together."""
    kept: list[dict[str, Any]] = []
    for name, data in found:
        if data == "[DONE]":
            continue
        assert name in ("", data["type"])
        event = _level_json({field: value for field, value in data.items() if field not in ("sequence_number", "model")}, "responses")
        if "response" in event:
            event["response"].pop("model")
        if kept and "delta" in data and kept[-1]["type"] == data["type"]:
            kept[-1]["delta"] = kept[-1].get("delta", "") + data["delta"]
            if event.get("logprobs"):  # which piece has the first ones depends on how the engine cut the text
                kept[-1].setdefault("logprobs", []).extend(event["logprobs"])
        else:
            kept.append(event)
    return kept


_LEVEL_STREAM = {
    "chat": level_chat_stream,
    "completions": level_completion_stream,
    "messages": level_message_stream,
    "responses": level_response_stream,
}


def without_fields(value: Any, names: tuple[str, ...]) -> Any:
    """`value` without the fields that a case names as different, at any depth."""
    if isinstance(value, dict):
        return {name: without_fields(item, names) for name, item in value.items() if name not in names}
    return [without_fields(item, names) for item in value] if isinstance(value, list) else value
