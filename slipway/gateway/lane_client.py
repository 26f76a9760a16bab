"""Runs inside LiteLLM: notices that a client goes away while the engine answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


class ClientWatch:
    """Calls `when_gone` when the client goes away, until `end`; `receive` is its ASGI callable, with the body read already.

    It begins with the loop's next turn: what has been written to a socket in this one is on its way by then.
    """

    def __init__(self, receive: Callable[[], Awaitable[Any]], when_gone: Callable[[], object]) -> None:
        self._receive, self.when_gone = receive, when_gone
        self.gone = False
        self._waiting: asyncio.Handle | asyncio.Task[None] = asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._waiting = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self.when_gone()

    def end(self) -> None:
        waiting = self._waiting
        # it would hold this object, by its callback or its traceback, and wait for the garbage collector with all that belongs to it
        del self._waiting
        waiting.cancel()
