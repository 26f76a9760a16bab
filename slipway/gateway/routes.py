"""Runs inside LiteLLM: what FastAPI does about routes when they are first asked for is done beside the event loop.

Within a request, the description of LiteLLM's 900 routes, which the page at / asks for, would stop every stream for 4 s, and the
routes of a feature that LiteLLM loads at the first request for it would for 0.1 s. What routes have in common is kept once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

from slipway.gateway.heap import give_memory_back, lasting


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    from litellm.proxy import _lazy_features, proxy_server

    app = proxy_server.app
    share_dependencies(app.router.routes)
    _lazy_features._force_load = then_ready(_lazy_features._force_load)
    for route in app.router.routes:
        if getattr(route, "path", None) == app.openapi_url:
            route.app = Description(app, route.app)


def share_dependencies(routes: Iterable[Any]) -> None:
    """Of these routes, and of those that FastAPI makes later."""
    from fastapi import routing
    from fastapi.dependencies import utils

    shared = Shared(utils.get_dependant)
    utils.get_dependant, routing.get_dependant = shared, shared.of_endpoint
    shared.replace_copies(routes)


class Shared:
    """FastAPI's `get_dependant`, which looks into what a route depends on; its answer is the same object for routes that ask alike.

    Nearly all of LiteLLM's ask who is there, in seven objects, and each would have its own: 16,000, and 12 MB, in all. A route of an
    included router has an endpoint that FastAPI looks into once more, under the path that it has there.
    """

    def __init__(self, look_into: Callable[..., Any]) -> None:
        self._look_into = look_into
        self._known: dict[object, Any] = {}

    def __call__(self, **asked: Any) -> Any:
        key = _alike(**asked)
        if key not in self._known:
            self._known[key] = self._look_into(**asked)
        return self._known[key]

    def of_endpoint(self, **asked: Any) -> Any:
        """For a route itself, whose router puts dependencies of its own before those of the endpoint."""
        found = self(**asked)
        return replace(found, path=asked["path"], dependencies=[*found.dependencies])

    def replace_copies(self, routes: Iterable[Any]) -> None:
        """The same for routes that are there already."""
        for route in routes:
            if hasattr(route, "original_router"):
                self.replace_copies(route.original_router.routes)
            elif hasattr(route, "dependant"):
                found = route.dependant
                found.dependencies[:] = map(self._one_of, found.dependencies)
                self._one_of(replace(found, dependencies=found.dependencies[len(route.dependencies) :]))

    def _one_of(self, found: Any) -> Any:
        return self._known.setdefault(_alike(**{name: getattr(found, name) for name in _ASKED}), found)


def _alike(
    path: str,
    call: object,
    name: str | None = None,
    own_oauth_scopes: Iterable[str] | None = None,
    parent_oauth_scopes: Iterable[str] | None = None,
    **rest: object,
) -> object:
    """What FastAPI is asked, as a key: of a path it reads the names of the parameters only."""
    from fastapi.utils import get_path_param_names

    told = {"use_cache": True, "scope": None, "concurrency": None} | rest
    return (
        frozenset(get_path_param_names(path)), id(call), name, tuple(own_oauth_scopes or ()), tuple(parent_oauth_scopes or ()),
        *sorted(told.items()),
    )  # fmt: skip


# what FastAPI's `get_dependant` takes, by the names under which its answer has it
_ASKED = ("path", "call", "name", "own_oauth_scopes", "parent_oauth_scopes", "use_cache", "scope", "concurrency")


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
            schema, self._app.openapi_schema = self._app.openapi(), None
            found = orjson.dumps(schema)
            # 60 MB of objects, a few at a time: all at once would keep Python's lock for 0.05 s
            for part in (schema["paths"], schema.get("components", {}).get("schemas", {})):
                while part:
                    part.popitem()
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
