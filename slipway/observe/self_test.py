"""Whether a stack that has just come up does what its clients need: a chat, a tool call, a streamed /v1/messages."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.gateway.warm import LAUNCH_USER
from slipway.observe.health import Answer, get
from slipway.secrets import Secret

_TIMEOUT = 120.0  # seconds for one request; a model that needs longer for so little is no use to a client either
_SHORT, _LONG = 64, 1024  # tokens: an answer, and thoughts before a tool call

_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Name of the city"}},
            "required": ["city"],
        },
    },
}
_BY_NAME = {"type": "function", "function": {"name": "get_weather"}}
# what a tool call looks like that no parser has taken out of the text
_RAW_CALL = re.compile(r"<\W?\s*tool|\[TOOL_CALL|<function|<invoke|\"name\"\s*:\s*\"get_weather\"", re.IGNORECASE)

Ask = Callable[[str, Mapping[str, object]], Answer]


@dataclass(frozen=True)
class Outcome:
    """What one part of the test found, in one line."""

    name: str
    ok: bool
    text: str


def run_self_test(url: str, key: Secret, model: str, tool_parser: str = "", at_once: int = 3) -> list[Outcome]:
    """Ask all at the same time, where the gateway lets that many in. The tool call is left out where there is no parser for it."""

    def ask(path: str, body: Mapping[str, object]) -> Answer:
        return get(f"{url}{path}", key=key, body={"model": model, **body}, timeout=_TIMEOUT)

    tests: dict[str, Callable[[], str]] = {"chat": lambda: _chat(ask)}
    if tool_parser:
        tests["tool call"] = lambda: _tool_call(ask, tool_parser)
    tests["streamed /v1/messages"] = lambda: _messages(ask)
    outcomes: dict[str, Outcome] = {}

    def run(name: str) -> None:
        started = time.monotonic()
        try:
            outcomes[name] = Outcome(name, True, f"works: {tests[name]()}, {time.monotonic() - started:.1f} s")
        except _FailedError as error:
            outcomes[name] = Outcome(name, False, f"does not work: {error}")

    # daemons: whoever interrupts the test does not wait for its answers
    threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in tests]
    for thread in threads:
        thread.start()
        if at_once < len(threads):
            thread.join()
    for thread in threads:
        thread.join()
    return [outcomes[name] for name in tests]


class _FailedError(Exception):
    """A part of the test failed; the message says why."""


def _checked(answer: Answer) -> Answer:
    if answer.ok:
        return answer
    raise _FailedError(f"status {answer.status}: {_reason(answer)}" if answer.status else _line(answer.text))


def _reason(answer: Answer) -> str:
    """The message inside an error of OpenAI's or Anthropic's protocol, else its text."""
    body = answer.json()
    error = body.get("error") if isinstance(body, dict) else None
    text = str(error.get("message") if isinstance(error, dict) else error or answer.text)
    # the gateway wraps the engine's own error, as text, into its own
    inner = re.search(r'"message" *: *("(?:[^"\\]|\\.)*")', text)
    return _line(json.loads(inner[1]) if inner else text)


def _line(text: str) -> str:
    return " ".join(text.split())[:300] or "no reason was given"


def _message(answer: Answer) -> tuple[dict[str, Any], Any]:
    """The first choice's message, and the number of tokens."""
    body = _checked(answer).json()
    try:
        return body["choices"][0]["message"], (body.get("usage") or {}).get("completion_tokens")
    except (KeyError, IndexError, TypeError):
        raise _FailedError(f"the answer is no chat completion: {_line(answer.text)}") from None


def _text(message: Mapping[str, Any]) -> str:
    return str(message.get("content") or message.get("reasoning_content") or message.get("reasoning") or "")


def _tokens(count: Any) -> str:
    return f"{count} token{'' if count == 1 else 's'}" if isinstance(count, int) else "an answer"


def _chat(ask: Ask) -> str:
    body = {"messages": [_user("What is the capital of France?")], "max_tokens": _SHORT, "user": LAUNCH_USER}
    message, count = _message(ask("/v1/chat/completions", body))
    if not _text(message).strip():
        raise _FailedError("the answer is empty")
    return _tokens(count)


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _tool_call(ask: Ask, parser: str) -> str:
    """First as agents ask, with the choice left to the model; a model that chooses not to call is asked by name."""
    body = {"messages": [_user("What is the weather in Paris?")], "tools": [_TOOL], "max_tokens": _LONG, "user": LAUNCH_USER}
    message, _ = _message(ask("/v1/chat/completions", {**body, "tool_choice": "auto"}))
    if message.get("tool_calls"):
        return f"{_called(message)} through the {parser} parser"
    if _RAW_CALL.search(str(message.get("content") or "")):
        raise _FailedError(f"the model called the tool, and the {parser} parser did not see it: {_line(str(message['content']))[:120]}")
    message, _ = _message(ask("/v1/chat/completions", {**body, "tool_choice": _BY_NAME}))
    if not message.get("tool_calls"):
        raise _FailedError("there is no tool call in the answer, even when the tool is asked for by name")
    return f"{_called(message)} when asked for by name; left the choice, the model did without the tool"


def _called(message: Mapping[str, Any]) -> str:
    try:
        function = message["tool_calls"][0]["function"]
        arguments = json.loads(function["arguments"])
    except (KeyError, IndexError, TypeError, ValueError):
        raise _FailedError(f"the tool call cannot be read: {_line(json.dumps(message['tool_calls']))}") from None
    if not isinstance(arguments, dict):
        raise _FailedError(f"the tool call's arguments are no JSON object: {_line(str(function['arguments']))}")
    return f"{function['name']}({', '.join(f'{name}={value}' for name, value in arguments.items())})"


def _messages(ask: Ask) -> str:
    body = {
        "messages": [_user("What is the capital of France?")],
        "max_tokens": _SHORT,
        "stream": True,
        "metadata": {"user_id": LAUNCH_USER},
    }
    answer = _checked(ask("/v1/messages", body))
    events = re.findall(r"^event: *(\w+)", answer.text, re.MULTILINE)
    if "error" in events:
        raise _FailedError(_line(answer.text[answer.text.index("event: error") :]))
    missing = [name for name in ("message_start", "content_block_delta", "message_stop") if name not in events]
    if missing:
        raise _FailedError(f"the stream has no {', '.join(missing)} event: {_line(answer.text[-300:])}")
    return f"{len(events)} events"
