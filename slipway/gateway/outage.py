"""Runs inside LiteLLM: turns its errors into answers that a person, or a client, can act on.

LiteLLM answers 500 with an internal message when the engine refuses the connection; what its 400s mean `refusals.py`
knows. Good answers pass through untouched; only error responses are looked at.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from slipway.gateway.deployments import engine_of
from slipway.gateway.phase import VARIABLE, away_text, read_phase
from slipway.gateway.refusals import ENGINE_AWAY, Refusal, read_refusal

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

RETRY_AFTER = 5  # seconds
# what LiteLLM's clients say of an engine that they did not reach, or that went away while it worked; it may be there again by now
_LOST = ("Cannot connect to host", "Server disconnected", "OpenAIException - Connection error.")
_REPLACED = (b"content-encoding", b"content-length", b"content-type", b"retry-after")


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    from litellm.proxy import proxy_server

    def engines() -> Iterable[str]:
        router = proxy_server.llm_router
        deployments = router.model_list if router else []
        return {engine_of(deployment).base for deployment in deployments}

    def models() -> list[str]:
        return sorted(proxy_server.llm_router.get_model_names()) if proxy_server.llm_router else []

    app = proxy_server.app
    # the server has asked for this attribute already by the time the hook runs, so middleware can only go around it
    app.middleware_stack = ClearErrors(app.middleware_stack, engines, models)


class ClearErrors:
    """ASGI middleware; `engines` gives base URLs, `models` the names that clients may use."""

    def __init__(self, app: App, engines: Callable[[], Iterable[str]], models: Callable[[], list[str]]) -> None:
        self._app, self._engines, self._models = app, engines, models

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def look(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (400, 500, 502, 503):
                held.append(message)
            elif not held:
                await send(message)
            else:
                held.append(message)
                if not message.get("more_body"):
                    for kept in await self._clear(scope, held):
                        await send(kept)

        await self._app(scope, receive, look)

    async def _clear(self, scope: Scope, held: list[Message]) -> list[Message]:
        """The messages to send instead of the held ones; the same ones where nothing needs saying."""
        if held[0]["status"] >= 500:
            if await self._engine_away():
                return _answer(scope, replace(ENGINE_AWAY, text=away_text(read_phase(os.environ.get(VARIABLE, "")))), held[0])
            return _answer(scope, ENGINE_AWAY, held[0]) if any(words in _message(held) for words in _LOST) else held
        refusal = read_refusal(_message(held), self._models)
        return _answer(scope, refusal, held[0]) if refusal else held

    async def _engine_away(self) -> bool:
        return not all(await asyncio.gather(*(_listens(url) for url in self._engines())))


async def _listens(url: str) -> bool:
    """Whether anything takes connections at the host and port of `url`."""
    parts = urlsplit(url)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(parts.hostname, parts.port or 80), timeout=2)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _message(held: list[Message]) -> str:
    """The text of an error, in OpenAI's or Anthropic's shape; the whole body where it has neither."""
    body = b"".join(message.get("body", b"") for message in held[1:])
    if (b"content-encoding", b"gzip") in held[0].get("headers", ()):
        body = gzip.decompress(body)
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, TypeError, KeyError):
        return body.decode(errors="replace")


def _answer(scope: Scope, refusal: Refusal, start: Message) -> list[Message]:
    """The refusal in the shape of the API that was called, with the headers LiteLLM set."""
    status, kind, body = refusal.status, b"application/json", json.dumps(refusal.body(scope["path"])).encode()
    if refusal.code == "context_length_exceeded" and _streams_responses(scope):
        status, kind, body = 200, b"text/event-stream", _failed_event(refusal)
    headers = [(name, value) for name, value in start.get("headers", ()) if name.lower() not in _REPLACED]
    headers += [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if refusal.status == 503:
        headers.append((b"retry-after", str(RETRY_AFTER).encode()))
    return [{"type": "http.response.start", "status": status, "headers": headers}, {"type": "http.response.body", "body": body}]


def _streams_responses(scope: Scope) -> bool:
    """Codex, and whoever else asks for events on the Responses API, learns of a prompt that is too long from an event."""
    return scope["path"].endswith("/responses") and (b"accept", b"text/event-stream") in scope.get("headers", ())


def _failed_event(refusal: Refusal) -> bytes:
    error = {"code": refusal.code, "message": refusal.text}
    response = {"id": "resp_refused", "object": "response", "status": "failed", "output": [], "error": error}
    event = {"type": "response.failed", "sequence_number": 0, "response": response}
    return f"event: response.failed\ndata: {json.dumps(event)}\n\n".encode()
