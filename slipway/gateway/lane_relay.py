"""Runs inside LiteLLM: the response that carries an engine's stream to the client, byte for byte."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slipway.gateway.engine_connections import ENGINES, Connection, EngineGone
from slipway.gateway.lane_account import Account
from slipway.gateway.lane_client import ClientWatch
from slipway.gateway.lane_follow import Following
from slipway.gateway.lane_precedent import Headers
from slipway.gateway.lane_request import Passage
from slipway.gateway.lane_stream import EventStream


class Stream:
    """A streamed answer whose head has come."""

    def __init__(self, account: Account | Following, connection: Connection, url: str, events: EventStream, data: bytes) -> None:
        self.account, self._connection, self._url, self.events = account, connection, url, events
        self._first = events.feed(data)
        account.note_first_token()

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

    def __init__(self, passage: Passage, headers: Headers) -> None:
        self._passage, self._headers = passage, headers

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        stream: Stream = self._passage.stream
        watch = self._passage.watch = self._passage.watch or ClientWatch(receive, stream.abort)
        watch.when_gone = stream.abort  # have the engine stop at once
        stream.account.let_go()
        broken = ""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await stream.relay(send, self._passage.send)
        except EngineGone as problem:
            broken = str(problem)
        finally:
            watch.end()
            stream.close()
        if watch.gone:
            await stream.account.finish_left(stream.events)
        elif broken:
            await send(
                {"type": "http.response.body", "body": await stream.account.finish_broken(broken, stream.events), "more_body": False}
            )
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            await stream.account.finish_stream(stream.events)


_STREAMED = {
    b"cache-control": b"no-cache",
    b"x-accel-buffering": b"no",
    b"content-type": b"text/event-stream; charset=utf-8",
}


def streamed_headers(headers: Mapping[str, Any]) -> Headers:
    """Those of a stream, as ASGI has them, from those that LiteLLM gives it."""
    told = ((name.lower().encode("latin-1"), str(value).encode("latin-1")) for name, value in headers.items())
    return [*(item for item in told if item[0] not in _STREAMED), *_STREAMED.items()]
