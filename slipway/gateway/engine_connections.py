"""Runs inside LiteLLM: HTTP/1.1 to an engine over kept connections, whose answers are read as they arrive.

LiteLLM's own client costs 0.3 ms a request and 30 us a chunk. This one is httptools, the C parser that uvicorn uses as well, on
a bare asyncio protocol: a few microseconds each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import httptools

HIGH_WATER = 64 * 1024  # bytes of an answer waiting for a slow client, above which the engine's socket is no longer read
# vLLM closes a connection that was idle for 5 s (VLLM_HTTP_TIMEOUT_KEEP_ALIVE); an older one is not worth the risk
IDLE_SECONDS = 4.0

# method, path, host, key, length of the body, body
_REQUEST = b"%b %b HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"


class EngineGone(Exception):
    """The engine refused or dropped the connection, or spoke no HTTP."""


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time: `start`, then `read` until it gives b""."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._error = ""  # why it ended before the answer did; no exception, which would keep all that it has come through
        self._paused = False
        self._sink: Callable[[bytes], bool] | None = None
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._size = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = self._stays = False
        self._has_head = False

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the engine's answer is no HTTP: {error}")
        if self._sink is not None:
            if self._parts and not self._sink(self._take_parts()):
                self._pause()
            elif not (self.complete or self._error):
                return  # nobody waits for anything
        elif self._size > HIGH_WATER:
            self._pause()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.complete:
            self._error = self._error or str(error or "") or "the engine closed the connection"
        self._wake()
        del self._parser  # it has methods of this object

    # what the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._has_head = True

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)

    def on_message_complete(self) -> None:
        self.complete = True
        # asked later, the parser says no: by then it waits for the next answer
        self._stays = bool(self._parser.should_keep_alive())

    # what the lane calls

    @property
    def reusable(self) -> bool:
        return self._stays and not self._error and not self._transport.is_closing()

    @property
    def closing(self) -> bool:
        return self._transport.is_closing()

    async def start(self, request: bytes) -> None:
        """Send a request and wait for the head of the answer. Raises EngineGone."""
        self._reset()
        self._transport.write(request)
        while not self._has_head:
            await self._wait()

    async def read(self) -> bytes:
        """All that has arrived since the last call, as soon as there is any; b"" at the end. Raises EngineGone."""
        while not self._parts:
            if self.complete:
                return b""
            await self._wait()
        data = self._take_parts()
        self._go_on()
        return data

    async def pipe(self, sink: Callable[[bytes], bool], drained: Callable[[], Awaitable[None]]) -> None:
        """Hand what arrives to `sink` in the moment in which it arrives, until the answer is complete. Raises EngineGone.

        `sink` says whether the client keeps up; where it does not, the engine's socket is not read until `drained` returns.
        """
        try:
            self._sink = sink
            if self._parts and not sink(self._take_parts()):
                self._pause()
            else:
                self._go_on()
            while self._paused or not self.complete:
                if self._paused:
                    await drained()
                    self._go_on()
                else:
                    await self._wait()
        finally:
            self._sink = None

    async def read_all(self) -> bytes:
        parts = []
        while data := await self.read():
            parts.append(data)
        return b"".join(parts)

    def _take_parts(self) -> bytes:
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return data

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _go_on(self) -> None:
        if self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def abort(self) -> None:
        """Drop the connection at once: the engine then stops computing for it."""
        self._fail("the gateway gave up")

    def _fail(self, error: str) -> None:
        self._error = self._error or error
        self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter and not waiter.done():
            waiter.set_result(None)

    async def _wait(self) -> None:
        if self._error:
            raise EngineGone(self._error)
        self._waiter = self._loop.create_future()
        await self._waiter
        if self._error and not self._parts and not self.complete:
            raise EngineGone(self._error)


class Address(NamedTuple):
    """Where a URL leads."""

    host: str
    port: int
    netloc: bytes
    path: bytes


@lru_cache(maxsize=1000)
def _address(url: str) -> Address:
    """Raises EngineGone for what is no http://."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        raise EngineGone(f"{parts.scheme}:// is not spoken here")
    return Address(parts.hostname or "127.0.0.1", parts.port or 80, parts.netloc.encode(), parts.path.encode())


class Engines:
    """Kept connections to every engine of one gateway worker."""

    def __init__(self) -> None:
        self._idle: dict[bytes, deque[tuple[float, Connection]]] = {}

    async def start(self, url: str, key: str, body: bytes | None) -> Connection:
        """POST `body`, or GET where there is none, with this API key; the connection is returned when the head of the answer is there.

        Raises EngineGone.
        """
        address = _address(url)
        method = b"GET" if body is None else b"POST"
        request = _REQUEST % (method, address.path, address.netloc, key.encode(), len(body or b""), body or b"")
        while kept := self._take(address):
            try:
                return await _begin(kept, request)
            except EngineGone:
                # the engine closed it while it was idle; only an answer that has begun must not be asked for again
                if kept.status:
                    raise
        try:
            _, fresh = await asyncio.get_running_loop().create_connection(Connection, address.host, address.port)
        except OSError as error:
            raise EngineGone(str(error)) from error
        return await _begin(fresh, request)

    def give_back(self, url: str, connection: Connection) -> None:
        """Keep a connection whose answer is complete; drop any other."""
        if not connection.reusable:
            connection.abort()
            return
        idle = self._idle.setdefault(_address(url).netloc, deque())
        idle.append((asyncio.get_running_loop().time(), connection))

    def _take(self, address: Address) -> Connection | None:
        idle = self._idle.get(address.netloc)
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while idle and idle[0][0] < oldest:
            idle.popleft()[1].abort()
        while idle:
            connection = idle.pop()[1]
            if not connection.closing:
                return connection
        return None


async def _begin(connection: Connection, request: bytes) -> Connection:
    try:
        await connection.start(request)
    except BaseException:
        connection.abort()
        raise
    return connection


def as_text(headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """An answer's headers as LiteLLM takes them."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}


ENGINES = Engines()
