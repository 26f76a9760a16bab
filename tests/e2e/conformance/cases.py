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
    headers: tuple[tuple[str, str], ...] = ()
    differs: tuple[str, ...] = ()  # fields of body and row in which LiteLLM's answer is known to differ
    like: str = ""  # the case whose whole answer from LiteLLM has the choices that this stream must have
    litellm: int = 0  # the status that LiteLLM alone answers with, where it cannot do what the lane can
    unsteady: bool = False  # a busy engine puts tokens together, and what belongs to each is then in other events, or lost


_STREAM: dict[str, dict[str, Any]] = {"whole": {}, "stream": {"stream": True}}
_USAGE: dict[str, dict[str, Any]] = {"stream with usage": {"stream": True, "stream_options": {"include_usage": True}}}
_FORMS: dict[str, dict[str, dict[str, Any]]] = {
    "chat": _STREAM | _USAGE,
    "completions": _STREAM | _USAGE,
    "messages": _STREAM,
    "responses": _STREAM,
    "embeddings": {"whole": {}},
}
_PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "embeddings": "/v1/embeddings",
}
_WORDS = "lorem ipsum dolor sit amet "
PROTOCOLS = tuple(path.stem for path in sorted(FOLDER.glob("*.yml")))


def read_cases(protocol: str) -> list[Case]:
    document = yaml.safe_load((FOLDER / f"{protocol}.yml").read_text(encoding="utf-8"))
    return [case for entry in document["cases"] for case in _expand(protocol, document["defaults"], entry)]


def _expand(protocol: str, defaults: dict[str, Any], entry: dict[str, Any]) -> Iterator[Case]:
    forms = _FORMS[protocol] if entry.get("each", True) else {"as it is": {}}
    for form, more in forms.items():
        body = {**defaults, **entry.get("body", {}), **more}
        if "repeat" in entry:
            text = _WORDS * (entry["repeat"] // 5)
            field = {"completions": "prompt", "responses": "input", "embeddings": "input"}.get(protocol, "messages")
            body[field] = [{"role": "user", "content": text}] if field == "messages" else text
        text = entry["text"] if "text" in entry else json.dumps({name: value for name, value in body.items() if value is not None})
        yield Case(
            f"{protocol}: {entry['name']}, {form}",
            protocol,
            entry.get("path", _PATHS[protocol]),
            text.encode(),
            entry.get("key", "master"),
            entry.get("header", "authorization"),
            _expected(entry, form),
            tuple(entry.get("headers", {}).items()),
            tuple(entry.get("differs", entry.get("differs_stream", ()) if form == "stream" else ())),
            f"{protocol}: {entry['name']}, whole" if entry.get("as_whole") and form != "whole" else "",
            entry.get("litellm", 0),
            entry.get("unsteady", False),
        )


def _expected(entry: dict[str, Any], form: str) -> str:
    """`refused`: by the engine, so that LiteLLM asks it again and says so in its own words, with a status other than 400 by its number;
    `late`: within a stream; `no_lane`: on no path of the lane's."""
    if entry.get("no_lane"):
        return ""
    if entry.get("late"):
        return "pass; engine: status 400" if form == "whole" else "pass; engine: an error for an answer"
    reason = entry.get("pass", "") or (entry.get("pass_whole", "") if form == "whole" else "")
    if reason:
        return f"pass; {reason}"
    refused = entry.get("refused")
    return f"pass; engine: status {400 if refused is True else refused}" if refused else "hit"
