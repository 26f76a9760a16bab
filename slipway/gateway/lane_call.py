"""Runs inside LiteLLM: one call to an engine in the place of LiteLLM's own, as LiteLLM decides or by a precedent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from slipway.gateway.engine_connections import ENGINES, EngineGone, as_text
from slipway.gateway.lane_account import Account
from slipway.gateway.lane_client import ClientWatch
from slipway.gateway.lane_follow import Following
from slipway.gateway.lane_precedent import Shape
from slipway.gateway.lane_relay import Stream, StreamedResponse
from slipway.gateway.lane_request import Passage


class WholeAnswer:
    """An answer that is not streamed, as bytes; LiteLLM reads `_hidden_params` for its headers and sets `model`."""

    def __init__(self, body: bytes, hidden_params: dict[str, Any], model: str) -> None:
        self.body, self._hidden_params, self.model = body, hidden_params, model


class StreamedAnswer:
    """An answer that is streamed: LiteLLM makes its headers, `StreamedResponse` sends its bytes."""

    def __init__(self, hidden_params: dict[str, Any], model: str) -> None:
        self._hidden_params, self.model = hidden_params, model

    def __aiter__(self) -> StreamedAnswer:
        """LiteLLM knows a stream of messages by this."""
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


class LaneCall:
    """One request that LiteLLM has made ready; `route_request` with `arguments` is how LiteLLM would go on by itself."""

    def __init__(self, passage: Passage, route_request: Callable[..., Awaitable[Any]], arguments: dict[str, Any]) -> None:
        self._passage, self._route_request, self._arguments = passage, route_request, arguments

    def _open_account(self) -> Account:
        passage, arguments = self._passage, self._arguments
        return Account(passage.protocol, arguments["data"], arguments["llm_router"], arguments.get("user_api_key_dict"), passage.witness)

    async def run(self) -> Any:
        """The answer; LiteLLM's own where the engine's is an error, so that errors, retries and cool-downs are LiteLLM's too."""
        if self._passage.followed is not None:
            return await self._account_for(self._passage.followed)
        answer = await self._try()
        if answer is not None:
            return answer
        return await (await self._route_request(**self._arguments))

    async def _account_for(self, call: Following) -> StreamedAnswer:
        """LiteLLM's account of a stream that has followed a precedent, up to where its end is to be logged."""
        account = self._open_account()
        await account.choose_deployment(call.deployment)
        account.note_arrival(call.arrived)
        await account.prepare()
        account.note_answer(call.began, call.headers)
        account.note_first_token(call.first_token)
        self._passage.account = account
        return StreamedAnswer(await account.stream_headers(), account.model)

    async def _try(self) -> Any:
        data, protocol = self._arguments["data"], self._passage.protocol
        reason = _unfit(data, protocol.metadata)
        if reason:
            self._passage.pass_on(reason)
            return None
        account = self._open_account()
        try:
            await account.choose_deployment()
            reason = account.unfit()
            if reason:
                self._passage.pass_on(reason)
                return None
            account.take_slot()
        except Exception as error:
            # LiteLLM will say so itself when it tries
            account.leave()
            self._passage.pass_on(type(error).__name__)
            return None
        try:
            answer = await ask(self._passage, account)
        except BaseException:
            account.leave()
            raise
        if answer is None:
            account.leave()
        return answer


async def ask(passage: Passage, account: Account | Following) -> Any:
    """The engine's answer; None where there is none that the lane can give, which the passage says."""
    protocol = passage.protocol
    try:
        body = await account.prepare()
    except Exception as error:
        # LiteLLM cannot make the engine's request of this one either, and says so
        passage.pass_on(type(error).__name__)
        return None
    names = account.names(passage.model)
    url = account.url
    began = datetime.now()
    try:
        async with asyncio.timeout(account.timeout):
            connection = await ENGINES.start(url, account.engine.key, body)
    except (EngineGone, TimeoutError) as error:
        _fail(passage, account, f"engine: {type(error).__name__}")
        return None
    if connection.status != 200:
        _fail(passage, account, f"engine: status {connection.status}")
        connection.abort()
        return None
    account.note_answer(began, as_text(connection.headers))
    try:
        # nothing has gone to the client yet: an answer that is an error from its first event on is no answer
        data = await connection.read() if account.streams else await connection.read_all()
    except EngineGone:
        _fail(passage, account, "engine: the answer broke off")
        return None
    except BaseException:
        connection.abort()
        raise
    if account.streams:
        stream = Stream(account, connection, url, protocol.stream(names, passage.wants_usage), data)
        if stream.events.failed:
            connection.abort()
            _fail(passage, account, "engine: an error for an answer")
            return None
        passage.hit, passage.stream = True, stream
        return StreamedAnswer(await account.stream_headers(), account.model)
    ENGINES.give_back(url, connection)
    passage.hit = True
    found = json.loads(data)
    return WholeAnswer(protocol.whole(data, found, names), await account.finish(found), account.model)


def _fail(passage: Passage, account: Account | Following, reason: str) -> None:
    account.ask_again()
    passage.pass_on(reason)


class FollowedResponse:
    """ASGI response of a whole answer, which is logged when the client has it."""

    def __init__(self, body: bytes, headers: list[tuple[bytes, bytes]], call: Following) -> None:
        self._body, self._call = body, call
        self._headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json"), *headers]

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await send({"type": "http.response.body", "body": self._body, "more_body": False})
        finally:
            self._call.log()


async def follow(passage: Passage, call: Following, shape: Shape, receive: Callable[[], Awaitable[Any]]) -> Any:
    """The answer to the client, as an ASGI response; None where LiteLLM is to decide, or to try, itself."""
    try:
        if not await call.choose_deployment(shape):
            return None
        call.take_slot()
    except Exception as error:
        # LiteLLM will say so itself when it tries
        passage.pass_on(type(error).__name__)
        return None
    task = asyncio.current_task()
    assert task is not None
    watch = passage.watch = ClientWatch(receive, task.cancel)
    answer = None
    try:
        answer = await ask(passage, call)
    except asyncio.CancelledError:
        if not watch.gone:
            raise
        # LiteLLM notices it too, at once, and writes it down
        task.uncancel()
    finally:
        if answer is None or passage.stream is None:
            watch.end()
        if answer is None:
            call.leave()
            passage.watch = None
    if answer is None:
        return None
    passage.by_precedent, headers = True, call.answer_headers()
    if passage.stream is not None:
        return StreamedResponse(passage, headers)
    return FollowedResponse(answer.body, headers, call)


def _unfit(data: dict[str, Any], metadata_name: str) -> str:
    """What LiteLLM has found out about the request since it came in that the lane does not do."""
    if "router_settings_override" in data:
        return "router settings of the key or team"
    metadata = data.get(metadata_name) or {}
    if metadata.get("guardrails") or data.get("guardrails"):
        return "guardrails"
    if data.get("api_key") or data.get("api_base"):
        return "credentials of the client"
    return ""
