"""Runs with the gateway's Python, which has httptools: one streamed answer through the lane's connection; prints what came of it.

python -m tests.integration.lane_relay slow|broken|wordless
"""

import asyncio
import gc
import json
import sys
import weakref
from typing import Any, cast

from slipway.gateway.engine_connections import Connection, EngineGone, Engines

PART = b"x" * 1024
PARTS = 32 * 1024  # 32 MiB: more than the sockets' buffers hold


class Engine(asyncio.Protocol):
    """Sends an answer in chunks; `full` is set when its socket takes no more."""

    full: asyncio.Event
    breaks_off: bool

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self.full.set()

    def data_received(self, data: bytes) -> None:
        chunk = b"%x\r\n%b\r\n" % (len(PART), PART)
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        if self.breaks_off:
            self._transport.write(head + chunk)
            self._transport.close()
        else:
            self._transport.write(head + chunk * PARTS + b"0\r\n\r\n")


async def relay(breaks_off: bool) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    Engine.full, Engine.breaks_off = asyncio.Event(), breaks_off
    server = await loop.create_server(Engine, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/chat/completions"
    engines, got, held = Engines(), bytearray(), list[int]()
    keeps_up = breaks_off

    def sink(data: bytes) -> bool:
        got.extend(data)
        return keeps_up

    async def drained() -> None:
        nonlocal keeps_up
        held.append(len(got))
        await asyncio.wait_for(Engine.full.wait(), 30)
        held.append(len(got))
        keeps_up = True

    connection = await engines.start(url, "", b"{}")
    error = ""
    try:
        async with asyncio.timeout(30):
            await connection.pipe(sink, drained)
    except EngineGone as problem:
        error = type(problem).__name__
    kept = connection.reusable
    engines.give_back(url, connection)
    server.close()
    gone = weakref.ref(connection)
    del connection
    await asyncio.sleep(0.05)  # the transport tells its end in a later round of the event loop
    return {
        "bytes": len(got),
        "right": set(got) <= set(PART),
        "came while the client was slow": held[1:] != held[:1],
        "kept": kept,
        "error": error,
        "left for the garbage collector": gone() is not None and not kept,
    }


async def lose_without_a_word() -> str:
    """What a reader hears of a connection that an exception without any text has ended."""
    connection = Connection()
    connection.connection_lost(ConnectionAbortedError())
    try:
        async with asyncio.timeout(5):
            await connection.read()
    except EngineGone as error:
        return str(error)
    return ""


gc.disable()
case = sys.argv[1]
sys.stdout.write(json.dumps(asyncio.run(lose_without_a_word() if case == "wordless" else relay(case == "broken"))))
