"""How many requests begin in one turn of the event loop."""

from __future__ import annotations

import asyncio

from slipway.gateway.lane_turnstile import Turnstile


async def enter_all(turnstile: Turnstile, count: int) -> list[list[int]]:
    """The numbers of those who entered, by turn."""
    turns: list[list[int]] = [[]]

    async def one(number: int) -> None:
        await turnstile.enter()
        turns[-1].append(number)

    tasks = [asyncio.ensure_future(one(number)) for number in range(count)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        turns.append([])
    return [turn for turn in turns if turn]


def test_few_begin_in_each_turn_in_the_order_in_which_they_came() -> None:
    turns = asyncio.run(enter_all(Turnstile(lambda: 4), 11))

    assert [number for turn in turns for number in turn] == list(range(11))
    assert max(map(len, turns)) == 4


def test_one_in_each_turn_while_others_need_the_loop() -> None:
    assert asyncio.run(enter_all(Turnstile(lambda: 1), 3)) == [[0], [1], [2]]


def test_who_has_gone_away_takes_nobodys_place() -> None:
    async def run() -> list[list[int]]:
        turnstile = Turnstile(lambda: 1)
        gone = [asyncio.ensure_future(turnstile.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        return await enter_all(turnstile, 2)

    assert [number for turn in asyncio.run(run()) for number in turn] == [0, 1]


def test_it_is_open_again_when_everybody_has_passed() -> None:
    async def run() -> list[list[int]]:
        turnstile = Turnstile(lambda: 2)
        await enter_all(turnstile, 5)
        return await enter_all(turnstile, 2)

    assert asyncio.run(run()) == [[0, 1]]
