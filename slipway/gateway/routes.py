"""Runs inside LiteLLM: what FastAPI does about routes when they are first asked for is done beside the event loop.

Within a request, the description of LiteLLM's 900 routes, which the page at / asks for, would stop every stream for 4 s, and the
routes of a feature that LiteLLM loads at the first request for it would for 0.1 s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from slipway.gateway.heap import give_memory_back, lasting


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    from litellm.proxy import _lazy_features, proxy_server

    app = proxy_server.app
    _lazy_features._force_load = then_ready(_lazy_features._force_load)
    for route in app.router.routes:
        if getattr(route, "path", None) == app.openapi_url:
            route.app = Description(app, route.app)


class Description:
    """ASGI application: the JSON that `app` describes its API with, made anew when routes have come; `original`: FastAPI's own."""

    def __init__(self, app: Any, original: Callable[..., Awaitable[None]]) -> None:
        self._app, self._original = app, original
        self._making = asyncio.Lock()
        self._made = (0, b"")  # for how many routes, and what

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import Response

        if scope.get("root_path"):  # which FastAPI writes into it
            await self._original(scope, receive, send)
            return
        async with self._making:
            if self._made[0] != len(self._app.router.routes):
                self._made = await asyncio.to_thread(self._make)
        await Response(self._made[1], media_type="application/json")(scope, receive, send)

    def _make(self) -> tuple[int, bytes]:
        import orjson

        count = len(self._app.router.routes)
        with lasting():  # FastAPI keeps models of all that the routes take and give
            found = orjson.dumps(self._app.openapi())
            self._app.openapi_schema = None  # 60 MB of objects
        give_memory_back()
        return count, found


def then_ready(load: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
    """LiteLLM's loading of a feature, after which its routes are as FastAPI wants them for a request."""

    async def force_load(app: Any, *rest: Any) -> bool:
        loaded = await load(app, *rest)
        if loaded:
            await asyncio.to_thread(_make_ready, list(app.router.routes))
        return loaded

    return force_load


def _make_ready(routes: Iterable[Any]) -> None:
    for route in routes:
        if hasattr(route, "effective_candidates"):  # those of an included router
            _make_ready(route.effective_candidates())
            route.effective_low_priority_routes()
