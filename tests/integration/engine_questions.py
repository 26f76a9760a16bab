"""Runs with the gateway's Python: requests that come at once ask a small engine how long its context is; prints what it was asked."""

import asyncio
import json
import sys
from typing import Any, cast

from slipway.gateway.engine_connections import EngineGone
from slipway.gateway.engine_questions import ask
from slipway.gateway.fitting import Lengths
from slipway.gateway.fitting_hook import Fitting

CONTEXT = 100


class Engine(asyncio.Protocol):
    connections = 0
    asked: list[str]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        Engine.connections += 1

    def data_received(self, data: bytes) -> None:
        head, _, body = data.decode().partition("\r\n\r\n")
        lines = head.splitlines()
        Engine.asked.append(" ".join([*lines[0].split()[:2], *(line for line in lines if line.startswith("authorization")), body]).strip())
        answer = json.dumps({"context": CONTEXT}).encode()
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer))


async def main() -> dict[str, Any]:
    Engine.asked = []
    server = await asyncio.get_running_loop().create_server(Engine, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def find(model: str) -> Lengths:
        _, answer = await ask(f"http://127.0.0.1:{port}/v1/models", "key", None, 5)
        return Lengths(answer["context"], 0)

    hook = Fitting(find)
    bodies: list[dict[str, Any]] = [{"model": "a model", "max_tokens": 1000} for _ in range(20)]
    await asyncio.gather(*(hook.async_pre_call_hook(None, None, body, "acompletion") for body in bodies))
    await ask(f"http://127.0.0.1:{port}/tokenize", "key", {"prompt": "Hello"}, 5)
    try:
        await ask(f"https://127.0.0.1:{port}/v1/models", "key", None, 5)
        refused = ""
    except EngineGone as error:
        refused = str(error)
    return {
        "fitted": sorted({body["max_tokens"] for body in bodies}),
        "asked": Engine.asked,
        "connections": Engine.connections,
        "https": refused,
    }


sys.stdout.write(json.dumps(asyncio.run(main())))
