"""Runs inside LiteLLM: turns its errors about an absent engine or model into answers that a person can act on.

LiteLLM answers 500 with an internal message when the engine refuses the connection, and 400 for a model that it does not
have, where OpenAI and Anthropic say 404. Good answers pass through untouched; only error responses are looked at.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

RETRY_AFTER = 5  # seconds
_UNKNOWN_MODEL = "Invalid model name passed in model="
_REPLACED = (b"content-length", b"content-type", b"retry-after")
_AWAY = (
    "The engine is not answering: it is starting, being restarted, or stopped. Try again in a few seconds; "
    "`./runMe.sh status` and `./runMe.sh logs engine` say what it is doing."
)


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    from litellm.proxy import proxy_server

    def engines() -> Iterable[str]:
        router = proxy_server.llm_router
        deployments = router.model_list if router else []
        return {deployment["litellm_params"]["api_base"] for deployment in deployments}

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
                    for kept in await self._clear(scope["path"], held):
                        await send(kept)

        await self._app(scope, receive, look)

    async def _clear(self, path: str, held: list[Message]) -> list[Message]:
        """The messages to send instead of the held ones; the same ones where nothing needs saying."""
        status = held[0]["status"]
        body = b"".join(message.get("body", b"") for message in held[1:])
        if status == 400 and _UNKNOWN_MODEL.encode() in body:
            wanted = body.decode(errors="replace").partition(_UNKNOWN_MODEL)[2].partition(". Call")[0]
            text = f"There is no model {wanted!r} here; this gateway serves: {', '.join(self._models())}."
            return _answer(path, 404, text, held[0])
        if status >= 500 and await self._engine_away():
            return _answer(path, 503, _AWAY, held[0])
        return held

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


def _answer(path: str, status: int, text: str, start: Message) -> list[Message]:
    """An error in the shape of the API that `path` belongs to, with the headers LiteLLM set."""
    kind = {404: ("not_found_error", "model_not_found"), 503: ("overloaded_error", "service_unavailable")}[status]
    if path.endswith(("/messages", "/messages/count_tokens")):
        content: dict[str, Any] = {"type": "error", "error": {"type": kind[0], "message": text}}
    else:
        content = {"error": {"message": text, "type": kind[0], "param": "model" if status == 404 else None, "code": kind[1]}}
    body = json.dumps(content).encode()
    headers = [(name, value) for name, value in start.get("headers", ()) if name.lower() not in _REPLACED]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 503:
        headers.append((b"retry-after", str(RETRY_AFTER).encode()))
    return [{"type": "http.response.start", "status": status, "headers": headers}, {"type": "http.response.body", "body": body}]
