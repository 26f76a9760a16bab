"""Who watches for a client's going away."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.gateway.lane_client import ClientWatch


class Client:
    """Its ASGI `receive`: a late part of a body, then nothing until it goes."""

    def __init__(self) -> None:
        self.left, self.asked = asyncio.Event(), 0

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        if self.asked > 1:
            await self.left.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request"}


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_when_the_client_goes_what_was_asked_for_last_is_done() -> None:
    async def run() -> list[str]:
        client, done = Client(), list[str]()
        watch = ClientWatch(client.receive, lambda: done.append("first"))
        watch.when_gone = lambda: done.append("last")
        await asyncio.sleep(0.01)
        assert not watch.gone
        client.left.set()
        await asyncio.sleep(0.01)
        assert watch.gone
        watch.end()
        return done

    assert asyncio.run(run()) == ["last"]


def test_one_that_ends_before_it_has_begun_asks_nobody() -> None:
    async def run() -> int:
        client = Client()
        ClientWatch(client.receive, lambda: None).end()
        await asyncio.sleep(0.01)
        return client.asked

    assert asyncio.run(run()) == 0


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("turns", [0, 1, 5])
def test_nothing_of_a_request_waits_for_the_garbage_collector(turns: int) -> None:
    async def run() -> Any:
        client = Client()
        watch = ClientWatch(client.receive, lambda: None)
        for _ in range(turns):
            await asyncio.sleep(0)
        watch.end()
        gone = weakref.ref(watch)
        del watch
        for _ in range(5):
            await asyncio.sleep(0)
        return gone()

    assert asyncio.run(run()) is None
