"""Runs inside LiteLLM: one call to an engine in the place of LiteLLM's own, and the response that carries its bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from slipway.gateway.lane_account import Account
from slipway.gateway.lane_engine import Connection, EngineGone, Engines, as_text
from slipway.gateway.lane_request import Passage
from slipway.gateway.lane_stream import EventStream

ENGINES = Engines()


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

    async def run(self) -> Any:
        """The answer; LiteLLM's own where the engine's is an error, so that errors, retries and cool-downs are LiteLLM's too."""
        answer = await self._try()
        if answer is not None:
            return answer
        return await (await self._route_request(**self._arguments))

    async def _try(self) -> Any:
        data, protocol = self._arguments["data"], self._passage.protocol
        reason = _unfit(data, protocol.metadata)
        if reason:
            self._passage.pass_on(reason)
            return None
        account = Account(protocol, data, self._arguments["llm_router"], self._arguments.get("user_api_key_dict"))
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
            answer = await self._ask(account)
        except BaseException:
            account.leave()
            raise
        if answer is None:
            account.leave()
        return answer

    async def _ask(self, account: Account) -> Any:
        protocol = self._passage.protocol
        try:
            body = await account.prepare()
        except Exception as error:
            # LiteLLM cannot make the engine's request of this one either, and says so
            self._passage.pass_on(type(error).__name__)
            return None
        names = account.names(self._passage.model)
        url = account.url
        began = datetime.now()
        try:
            async with asyncio.timeout(account.timeout):
                connection = await ENGINES.start(url, account.head, body)
        except (EngineGone, TimeoutError) as error:
            self._passage.pass_on(f"engine: {type(error).__name__}")
            return None
        if connection.status != 200:
            self._passage.pass_on(f"engine: status {connection.status}")
            connection.abort()
            return None
        account.note_answer(began, as_text(connection.headers))
        try:
            # nothing has gone to the client yet: an answer that is an error from its first event on is no answer
            data = await connection.read() if account.streams else await connection.read_all()
        except EngineGone:
            self._passage.pass_on("engine: the answer broke off")
            return None
        except BaseException:
            connection.abort()
            raise
        if account.streams:
            stream = Stream(account, connection, url, protocol.stream(names, self._passage.wants_usage), data)
            if stream.events.failed:
                connection.abort()
                self._passage.pass_on("engine: an error for an answer")
                return None
            self._passage.hit, self._passage.stream = True, stream
            return StreamedAnswer(await account.stream_headers(), account.model)
        ENGINES.give_back(url, connection)
        self._passage.hit = True
        found = json.loads(data)
        return WholeAnswer(protocol.whole(data, found, names), await account.finish(found), account.model)


class Stream:
    """A streamed answer whose head has come."""

    def __init__(self, account: Account, connection: Connection, url: str, events: EventStream, data: bytes) -> None:
        self.account, self._connection, self._url, self.events = account, connection, url, events
        self._first = events.feed(data)
        account.note_first_token()
        self.left = False  # the client has gone away

    async def relay(self, first: Callable[[Any], Awaitable[None]], rest: Callable[[Any], Awaitable[None]]) -> None:
        """Send the answer on: its first bytes through `first`, the others through `rest`. Raises EngineGone."""
        message: dict[str, Any] = {"type": "http.response.body", "body": self._first, "more_body": True}
        await first(message)
        message = dict(message)
        if client := direct_client(rest):
            await self._connection.pipe(Pipe(self.events, client), client.flow.drain)
        while data := await self._connection.read():
            if out := self.events.feed(data):
                message["body"] = out
                await rest(message)
        if out := self.events.end():
            message["body"] = out
            await rest(message)

    def close(self) -> None:
        """The connection is kept for the next request, or dropped where the answer is not complete."""
        self.account.leave()
        ENGINES.give_back(self._url, self._connection)

    def abort(self) -> None:
        self._connection.abort()


class Pipe:
    """From the engine's socket to the client's without a task between them: uvicorn's `send` for a body in chunks, written out.

    Called with what has arrived; says whether the client keeps up.
    """

    def __init__(self, events: EventStream, client: Any) -> None:
        self._feed, self._client = events.feed, client
        self._write, self._flow = client.transport.write, client.flow

    def __call__(self, data: bytes) -> bool:
        out = self._feed(data)
        if out and not self._client.disconnected:
            self._write(b"%x\r\n%b\r\n" % (len(out), out))
        return not self._flow.write_paused


def direct_client(send: Any) -> Any:
    """uvicorn's own side of an answer that it sends in chunks; None where something else is the server."""
    cycle: Any = getattr(send, "__self__", None)
    return cycle if cycle.__class__.__module__ == "uvicorn.protocols.http.httptools_impl" and cycle.chunked_encoding else None


class StreamedResponse:
    """ASGI response of a stream: the head and the ends go through LiteLLM's middleware, the bytes between straight to the server."""

    def __init__(self, passage: Passage, headers: Any) -> None:
        self._passage = passage
        self._headers = {
            **headers,
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
            "content-type": "text/event-stream; charset=utf-8",
        }

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        stream: Stream = self._passage.stream
        headers = [(name.lower().encode("latin-1"), str(value).encode("latin-1")) for name, value in self._headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        watcher = asyncio.ensure_future(_gone(receive, stream))
        broken = ""
        try:
            await stream.relay(send, self._passage.send)
        except EngineGone as problem:
            broken = str(problem)
        finally:
            watcher.cancel()
            stream.close()
        if stream.left:
            await stream.account.finish_left(stream.events)
        elif broken:
            await send(
                {"type": "http.response.body", "body": await stream.account.finish_broken(broken, stream.events), "more_body": False}
            )
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            await stream.account.finish_stream(stream.events)


async def _gone(receive: Callable[[], Awaitable[Any]], stream: Stream) -> None:
    """Wait until the client goes away, then have the engine stop at once."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.left = True
    stream.abort()


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
