"""Runs inside LiteLLM: lets a few requests begin in each turn of the event loop, so that a turn stays short when many come at once.

Whatever needs several turns (a query to the database, a stream's next token) would wait for all requests that have come meanwhile
in each of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Turnstile:
    """In the order in which they come, `per_turn` at a time, which is one at least."""

    def __init__(self, per_turn: Callable[[], int]) -> None:
        self._per_turn = per_turn
        self._entered = 0  # in this turn
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        if not self._entered:
            asyncio.get_running_loop().call_soon(self._next_turn)
        self._entered += 1
        if self._entered > 1 and self._entered > self._per_turn():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter

    def _next_turn(self) -> None:
        self._entered = 0
        if not self._waiting:
            return
        most = self._per_turn()
        while self._waiting and self._entered < most:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._entered += 1
        if self._entered:
            asyncio.get_running_loop().call_soon(self._next_turn)
