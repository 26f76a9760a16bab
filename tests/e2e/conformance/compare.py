"""Brings an answer into a form in which two that mean the same are equal; nothing but the intended differences is levelled."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.e2e.conformance.differences import VARYING, without_nothing

_NO_TEXT = ("<think>", "</think>")
# what an answer is known by: different each time, also through the same gateway
_ONCE = {"id", "created", "system_fingerprint", "provider_specific_fields", "stop_reason"}


def level_headers(headers: Any) -> dict[str, str]:
    return {name: ("" if name in VARYING else level_text(value)) for name, value in sorted(headers.items()) if name != "content-length"}


def level_body(protocol: str, content_type: str, text: str) -> Any:
    """The meaning of an answer's body."""
    if content_type.startswith("text/event-stream"):
        return _LEVEL_STREAM[protocol](events(text))
    try:
        return _level_json(json.loads(text))
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


def _level_json(value: Any) -> Any:
    if isinstance(value, dict):
        return without_nothing({name: _level_json(item) for name, item in value.items() if name not in _ONCE})
    if isinstance(value, list):
        return [_level_json(item) for item in value]
    if isinstance(value, str):
        return level_text(value)
    return value


def level_text(text: str) -> str:
    """A text without the ids and times in it: those that an error repeats, and the engine's ids of tool calls."""
    text = re.sub(r"(chatcmpl-tool|call|chatcmpl|msg)[-_][0-9a-f-]{8,}", "<id>", text)
    # LiteLLM shows the end of one of the keys that it has seen lately
    text = re.sub(r"sk-\.\.\.\w{4}", "<key>", text)
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
        if name not in ("index", "delta", "logprobs", "finish_reason", *_ONCE) and value is not None:
            kept[name] = value


def _add_call(kept: dict[str, Any], call: dict[str, Any]) -> None:
    function = call.get("function") or {}
    kept["has id"] = kept.get("has id") or bool(call.get("id"))
    kept["type"] = kept.get("type") or call.get("type")
    kept["name"] = kept.get("name") or function.get("name")
    kept["arguments"] = kept.get("arguments", "") + (function.get("arguments") or "")


_LEVEL_STREAM = {"chat": level_chat_stream}
