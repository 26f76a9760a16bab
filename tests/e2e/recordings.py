"""Requests that the real command line tools have sent, kept without their texts.

Each file of `recorded/` is one request: path with query, headers, body. A text of the tool's own stands there as its
length only, `{{9203 characters}}`; reading a file fills in that many characters, so that prompts are as long as they were.
Recorded from Claude Code 2.1.329, Codex 0.169.0, OpenCode 1.18.33 and Continue 1.5.47, asked to create hello.txt, before the
tool's call and after it; and what Claude Code sends beside that: a session's title (with a terminal only), a conversation to be
compacted, and the counts that /context asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
_FILLER = "This text stands for what the tool says here. "
_LENGTH = re.compile(r"\{\{(\d+) characters\}\}")


@dataclass(frozen=True)
class Recording:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def read_recording(name: str) -> Recording:
    content = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Recording(content["path"], content["headers"], _filled(content["body"]))


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return _LENGTH.sub(_filler, value) if isinstance(value, str) else value


def _filler(match: re.Match[str]) -> str:
    length = int(match[1])
    return (_FILLER * (length // len(_FILLER) + 1))[:length]


def check_stream(path: str, text: str) -> None:
    """Whether a stream is what the protocol of `path` says, from its first event to its last."""
    _CHECKS[path.partition("?")[0]](events(text))


def events(text: str) -> list[Any]:
    """The data of each event; the word that ends OpenAI's streams as it is."""
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def _check_messages(found: list[Any]) -> None:
    kinds = [event["type"] for event in found if event["type"] != "ping"]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    open_block: int | None = None
    blocks = 0
    for event in found:
        if event["type"] == "content_block_start":
            assert open_block is None and event["index"] == blocks
            open_block, blocks = event["index"], blocks + 1
        elif event["type"] == "content_block_delta":
            assert event["index"] == open_block
        elif event["type"] == "content_block_stop":
            assert event["index"] == open_block
            open_block = None
    assert open_block is None and blocks
    last = found[kinds.index("message_delta") - len(kinds)]
    assert last["delta"]["stop_reason"] in ("end_turn", "tool_use", "max_tokens")
    assert last["usage"]["input_tokens"] > 500 and last["usage"]["output_tokens"] > 0


def _check_chat(found: list[Any]) -> None:
    assert found[-1] == "[DONE]"
    chunks = [chunk for chunk in found[:-1] if chunk["choices"]]
    assert [chunk["choices"][0].get("finish_reason") for chunk in chunks if chunk["choices"][0].get("finish_reason")]
    assert any(chunk.get("usage") for chunk in found[:-1])


def _check_responses(found: list[Any]) -> None:
    found = [event for event in found if event != "[DONE]"]
    assert (found[0]["type"], found[-1]["type"]) == ("response.created", "response.completed")
    kinds = [event["type"] for event in found]
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") >= 1
    assert found[-1]["response"]["status"] == "completed" and found[-1]["response"]["usage"]["output_tokens"] > 0


_CHECKS: dict[str, Callable[[list[Any]], None]] = {
    "/v1/messages": _check_messages,
    "/v1/chat/completions": _check_chat,
    "/v1/responses": _check_responses,
}
