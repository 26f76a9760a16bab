"""Runs inside LiteLLM: the lane, which carries an engine's answer to the client as the bytes that it is.

LiteLLM parses and rebuilds every streamed chunk in Python. The lane leaves all that is decided once per request to LiteLLM
(authentication, limits, budgets, routing, logging, headers, errors) and takes over only the call itself. Two places of LiteLLM
are wrapped for that: `route_request`, where a request that is ready to go asks for its call, and `create_response`, where a
stream becomes a response. What the lane cannot do faithfully goes through LiteLLM as if the lane were not there.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from functools import cache
from typing import Any

from slipway.gateway.lane_protocol import Protocol
from slipway.gateway.lane_protocols import PROTOCOLS
from slipway.gateway.lane_request import Passage, why_not

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADER = b"x-slipway-lane"
_SCOPE_KEY = "slipway.lane"
_LOG = logging.getLogger(__name__)
_passage: ContextVar[Passage | None] = ContextVar("slipway_lane", default=None)


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    from litellm.proxy import proxy_server

    app = proxy_server.app
    wrap_litellm()
    wrap_router(app)
    app.middleware_stack = Marker(app.middleware_stack)


def wrap_router(app: Any) -> None:
    """Put the lane's entrance where the innermost middleware calls FastAPI's router, so that every middleware still runs."""
    router: App = app.router
    layer: Any = app.middleware_stack
    while getattr(layer, "app", None) is not router:
        layer = getattr(layer, "app", None) or layer._app
    layer.app = Entrance(router)


def wrap_litellm() -> None:
    """Wrap the two places where LiteLLM looks them up."""
    from litellm.proxy import common_request_processing as processing

    from slipway.gateway.lane_call import LaneCall, StreamedResponse

    route_request, create_response = processing.route_request, processing.create_response

    async def lane_route_request(**kwargs: Any) -> Any:
        passage = _passage.get()
        if passage is None:
            return await route_request(**kwargs)
        _passage.set(None)  # what LiteLLM calls on behalf of this request is its own affair
        return LaneCall(passage, route_request, kwargs).run()

    async def lane_create_response(*args: Any, **kwargs: Any) -> Any:
        passage = kwargs["request"].scope.get(_SCOPE_KEY) if kwargs.get("request") else None
        if passage is None or passage.stream is None:
            return await create_response(*args, **kwargs)
        return StreamedResponse(passage, kwargs["headers"])

    processing.route_request = lane_route_request
    processing.create_response = lane_create_response


class Marker:
    """ASGI middleware around everything: says on each answer to an inference request whether the lane carried it."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in PROTOCOLS:
            await self._app(scope, receive, send)
            return
        passage = Passage(PROTOCOLS[scope["path"]], send)
        # LiteLLM sets it from config.yaml, which it reads after it has called `install`
        if os.environ.get("LANE") == "off":
            passage.pass_on("LANE=off")
        scope[_SCOPE_KEY] = passage

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, passage.verdict.encode("latin-1", "replace"))]
            await send(message)

        try:
            await self._app(scope, receive, mark)
        finally:
            # the server's own object of this request holds the scope, and `send` is a method of it: without this, all that belongs
            # to the request would wait for the garbage collector
            del scope[_SCOPE_KEY]


class Entrance:
    """Stands in for FastAPI's router: calls LiteLLM's endpoint directly for what may take the lane."""

    def __init__(self, router: App) -> None:
        self._router = router
        self._endpoints = Endpoints()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        passage = scope.get(_SCOPE_KEY)
        if passage is None or passage.reason:
            await self._router(scope, receive, send)
            return
        from fastapi import HTTPException
        from litellm.proxy._types import ProxyException
        from litellm.proxy.common_utils.http_parsing_utils import read_request_body
        from starlette.requests import ClientDisconnect, Request

        request = Request(scope, receive)
        try:
            body = await request.body()
            # LiteLLM keeps what it has parsed in the scope, and does not parse it again
            passage.pass_on(why_not(passage, await read_request_body(request), scope["headers"]))
        except ClientDisconnect:
            return
        except (ProxyException, HTTPException, ValueError):
            passage.pass_on("malformed JSON")
        if passage.reason:
            await self._router(scope, _replay(body, receive), send)
            return
        _passage.set(passage)
        response = await self._endpoints.call(passage.protocol, request)
        await response(scope, receive, send)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives a body that has been read already, then whatever comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again


class Endpoints:
    """LiteLLM's endpoint functions and its authentication, called without FastAPI's resolving of dependencies."""

    def __init__(self) -> None:
        self._headers: dict[str, Any] = {}

    def _load(self) -> None:
        import inspect

        from fastapi.params import Security
        from litellm.proxy.auth.user_api_key_auth import user_api_key_auth

        self._auth = user_api_key_auth
        # the places where a key may stand, as FastAPI would read them: name of the argument -> callable on the request
        parameters = inspect.signature(user_api_key_auth).parameters.values()
        self._headers = {item.name: item.default.dependency for item in parameters if isinstance(item.default, Security)}

    async def call(self, protocol: Protocol, request: Any) -> Any:
        """Authenticate, then run the endpoint; gives a response. Raises what LiteLLM's own error handlers turn into answers."""
        from starlette.responses import Response

        if not self._headers:
            self._load()
        keys = {name: await read(request) for name, read in self._headers.items()}
        key = await self._auth(request=request, **keys)
        started = Response()
        result = await find(protocol.endpoint)(request=request, fastapi_response=started, user_api_key_dict=key)
        return await finish(result, started, request)


@cache
def find(name: str) -> Callable[..., Awaitable[Any]]:
    """LiteLLM's function of this name: module:function."""
    module, _, function = name.partition(":")
    found: Callable[..., Awaitable[Any]] = getattr(importlib.import_module(module), function)
    return found


async def finish(result: Any, started: Any, request: Any) -> Any:
    """The response of an endpoint's result, with the headers that LiteLLM has set beside it."""
    from fastapi.encoders import jsonable_encoder
    from starlette.responses import JSONResponse, Response

    from slipway.gateway.lane_call import StreamedResponse, WholeAnswer

    if isinstance(result, (Response, StreamedResponse)):
        return result
    if isinstance(result, WholeAnswer):
        response = Response(result.body, media_type="application/json")
    else:
        response = JSONResponse(jsonable_encoder(result))
    response.raw_headers.extend(item for item in started.raw_headers if item[0] != b"content-length")
    return response
