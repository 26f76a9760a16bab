"""Runs inside LiteLLM: the lane, which carries an engine's answer to the client as the bytes that it is.

LiteLLM parses and rebuilds every streamed chunk in Python. The lane leaves all that is decided once per request to LiteLLM
(authentication, limits, budgets, routing, logging, headers, errors) and takes over only the call itself. Two places of LiteLLM
are wrapped for that: `route_request`, where a request that is ready to go asks for its call, and `create_response`, where a
stream becomes a response. What the lane cannot do faithfully goes through LiteLLM as if the lane were not there.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from functools import cache, partial
from typing import Any

from slipway.gateway import lane_deployment, lane_ledger, lane_witness
from slipway.gateway.lane_account import Account
from slipway.gateway.lane_follow import Following
from slipway.gateway.lane_ledger import backlog
from slipway.gateway.lane_precedent import numbers_of, shape_of
from slipway.gateway.lane_protocols import PROTOCOLS
from slipway.gateway.lane_request import Passage, counting_callback, why_not
from slipway.gateway.lane_turnstile import Turnstile
from slipway.gateway.lane_witness import PRECEDENTS, call_witness, watch

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADER = b"x-slipway-lane"
_SCOPE_KEY = "slipway.lane"
# of the rows that wait to be written, as a part of what LiteLLM keeps: from here on fewer requests begin at a time, so that LiteLLM
# comes to write, and beyond that they are made to cost more
_SOME_BACKLOG, _MOST_BACKLOG = 0.05, 0.5
_passage: ContextVar[Passage | None] = ContextVar("slipway_lane", default=None)


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    from litellm.proxy import proxy_server

    app = proxy_server.app
    wrap_litellm()
    lane_deployment.install()
    lane_witness.install()
    lane_ledger.install()
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

    from slipway.gateway.lane_call import LaneCall
    from slipway.gateway.lane_relay import StreamedResponse, streamed_headers

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
        headers = streamed_headers(kwargs["headers"])
        if passage.witness:
            passage.witness.headers = headers
        return StreamedResponse(passage, headers)

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
        if _is_off():
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


@cache
def _is_off() -> bool:
    """Asked at the first request: LiteLLM sets it from config.yaml, which it reads after it has called `install`."""
    return os.environ.get("LANE") == "off"


class Entrance:
    """Stands in for FastAPI's router: calls LiteLLM's endpoint directly for what may take the lane."""

    def __init__(self, router: App) -> None:
        from litellm.proxy import proxy_server

        self._router, self._proxy = router, proxy_server
        self._endpoints = Endpoints()
        self._turnstile = Turnstile(lambda: 4 if backlog() < _SOME_BACKLOG else 1)
        self._undecided = Turnstile(lambda: 1)
        self._late = asyncio.Semaphore(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        passage = scope.get(_SCOPE_KEY)
        if passage is None or passage.reason:
            await self._router(scope, receive, send)
            return
        await self._turnstile.enter()
        body = await _read(receive)
        if body is None:
            return
        response = await self._response(passage, scope, receive, body)
        if response is None:
            await self._router(scope, _replay(body, receive), send)
        else:
            await response(scope, receive, send)

    async def _response(self, passage: Passage, scope: Scope, receive: Receive, body: bytes) -> Any:
        """The lane's; None where LiteLLM serves the request itself."""
        data = _parsed(body, scope["headers"])
        if data is None:
            passage.pass_on("no JSON object")
            return None
        passage.pass_on(why_not(passage, data, scope["headers"]))
        return None if passage.reason else await self._answer(passage, scope, receive, body, data)

    async def _answer(self, passage: Passage, scope: Scope, receive: Receive, body: bytes, data: dict[str, Any]) -> Any:
        """By a precedent, or as LiteLLM decides; None where the lane cannot give it."""
        from slipway.gateway.lane_call import follow

        shape = shape_of(scope, data, passage.protocol)
        known = PRECEDENTS.find(shape)
        if known is not None and backlog() < _MOST_BACKLOG:
            call = Following(passage, data, self._proxy.llm_router, partial(self._open_account, scope, body))
            response = await follow(passage, call, known, receive)
            if response is not None or passage.reason:
                return response
        from starlette.requests import Request

        await self._undecided.enter()
        witness = passage.witness = call_witness(shape, passage.protocol, body, numbers_of(data), known, unfit=counting_callback())
        try:
            return await self._endpoints.call(passage, Request(scope, _replay(body, receive)))
        except BaseException:
            if witness is None or not witness.sent:  # LiteLLM itself has refused it
                PRECEDENTS.forget(shape)
            raise

    async def _open_account(self, scope: Scope, body: bytes, call: Following) -> Account:
        """LiteLLM's account of a call that has followed a precedent, as if the request came in now."""
        from starlette.requests import Request

        passage = Passage(call.protocol, scope[_SCOPE_KEY].send, followed=call, stream=scope[_SCOPE_KEY].stream)
        headers = [*scope["headers"], (b"x-litellm-call-id", call.call_id.encode())]
        # when many clients go away at once, those that stay are not to wait for it
        async with self._late:
            await self._endpoints.call(passage, Request({**scope, "headers": headers, _SCOPE_KEY: passage}, _replay(body, _never)))
        account: Account = passage.account
        return account


async def _read(receive: Receive) -> bytes | None:
    """A request's body; None where the client goes away before its end."""
    parts = []
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)
    return None


def _parsed(body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any] | None:
    """A body that is a JSON object, as LiteLLM parses it too; None for any other, which LiteLLM may mend, read as a form or refuse."""
    import orjson

    kind = next((value for name, value in headers if name == b"content-type"), b"")
    if kind and not kind.startswith(b"application/json"):
        return None
    try:
        found = orjson.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives a body that has been read already, then whatever comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return left.pop() if left else await receive()

    return again


async def _never() -> Message:
    never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    return await never


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

    async def call(self, passage: Passage, request: Any) -> Any:
        """Authenticate, then run the endpoint; gives a response. Raises what LiteLLM's own error handlers turn into answers."""
        from starlette.responses import Response

        from slipway.gateway.lane_call import WholeAnswer

        if not self._headers:
            self._load()
        keys = {name: await read(request) for name, read in self._headers.items()}
        watch(passage.witness)
        key = await self._auth(request=request, **keys)
        if passage.witness:
            passage.witness.authorized(key)
        _passage.set(passage)
        started = Response()
        result = await find(passage.protocol.endpoint)(request=request, fastapi_response=started, user_api_key_dict=key)
        response = await finish(result, started, request)
        if passage.witness and isinstance(result, WholeAnswer):
            passage.witness.headers = [item for item in started.raw_headers if item[0] != b"content-length"]
        return response


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

    from slipway.gateway.lane_call import WholeAnswer
    from slipway.gateway.lane_relay import StreamedResponse

    if isinstance(result, (Response, StreamedResponse)):
        return result
    if isinstance(result, WholeAnswer):
        response = Response(result.body, media_type="application/json")
    else:
        response = JSONResponse(jsonable_encoder(result))
    response.raw_headers.extend(item for item in started.raw_headers if item[0] != b"content-length")
    return response
