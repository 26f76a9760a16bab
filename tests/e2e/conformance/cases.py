"""Reads the cases: one line of a data file may stand for several requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One request, and what the lane says of it."""

    name: str
    protocol: str
    path: str
    body: bytes
    key: str
    header: str
    verdict: str  # what x-slipway-lane says


_FORMS: dict[str, dict[str, dict[str, Any]]] = {
    "chat": {"whole": {}, "stream": {"stream": True}, "stream with usage": {"stream": True, "stream_options": {"include_usage": True}}},
}
_PATHS = {"chat": "/v1/chat/completions"}
_WORDS = "lorem ipsum dolor sit amet "


def read_cases(protocol: str) -> list[Case]:
    document = yaml.safe_load((FOLDER / f"{protocol}.yml").read_text(encoding="utf-8"))
    return [case for entry in document["cases"] for case in _expand(protocol, document["defaults"], entry)]


def _expand(protocol: str, defaults: dict[str, Any], entry: dict[str, Any]) -> Iterator[Case]:
    forms = _FORMS[protocol] if entry.get("each", True) else {"as it is": {}}
    for form, more in forms.items():
        body = {**defaults, **entry.get("body", {}), **more}
        if "repeat" in entry:
            body["messages"] = [{"role": "user", "content": _WORDS * (entry["repeat"] // 5)}]
        text = entry["text"] if "text" in entry else json.dumps({name: value for name, value in body.items() if value is not None})
        yield Case(
            f"{protocol}: {entry['name']}, {form}",
            protocol,
            entry.get("path", _PATHS[protocol]),
            text.encode(),
            entry.get("key", "master"),
            entry.get("header", "authorization"),
            _expected(entry, form),
        )


def _expected(entry: dict[str, Any], form: str) -> str:
    """`refused`: by the engine, so that LiteLLM asks it again and says so in its own words; `late`: within a stream."""
    if entry.get("late"):
        return "pass; engine: status 400" if form == "whole" else "pass; engine: an error for an answer"
    reason = entry.get("pass", "") or (entry.get("pass_whole", "") if form == "whole" else "")
    if reason:
        return f"pass; {reason}"
    return "pass; engine: status 400" if entry.get("refused") else "hit"
