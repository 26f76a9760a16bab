"""Answers of LiteLLM that are kept for a while."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from slipway.gateway.once import KEPT_SECONDS, past_features, remember, remember_content, remember_nothing, until_changed


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_asked_for_again_after_a_while_and_for_other_arguments() -> None:
    clock, asked = Clock(), []

    def answer(name: str, times: int = 1) -> str:
        asked.append((name, times, clock.now))
        return name * times

    kept = remember(answer, clock)
    assert [kept("a"), kept("a"), kept("a", times=2), kept("a", times=2)] == ["a", "a", "aa", "aa"]
    clock.now = KEPT_SECONDS
    assert kept("a") == "a"
    assert asked == [("a", 1, 0.0), ("a", 2, 0.0), ("a", 1, KEPT_SECONDS)]


def test_the_same_content_is_looked_at_once() -> None:
    seen = []

    def dear(entry: Mapping[str, object]) -> bool:
        seen.append(dict(entry))
        return bool(entry["cost"])

    kept = remember_content(dear)
    assert [kept({"cost": 1}), kept({"cost": 1}), kept({"cost": 0}), kept({"cost": 0})] == [True, True, False, False]
    assert seen == [{"cost": 1}, {"cost": 0}]


def counting(answer: str | None) -> tuple[Any, list[Any], Clock]:
    clock, counted = Clock(), []

    async def increment(router: object, *, deployment_id: str, model_group: str, total_tokens: float, rpm_increment: int) -> str | None:
        counted.append((deployment_id, model_group, total_tokens, rpm_increment))
        return answer

    call = remember_nothing(increment, clock)

    def count(deployment: str, tokens: float) -> str | None:
        return asyncio.run(call(None, deployment_id=deployment, model_group="m", total_tokens=tokens, rpm_increment=1))

    return count, counted, clock


def test_a_deployment_without_limits_is_looked_at_again_after_a_while() -> None:
    count, counted, clock = counting(None)
    assert [count("one", 3), count("one", 4), count("two", 5)] == [None, None, None]
    clock.now = KEPT_SECONDS
    count("one", 6)
    assert counted == [("one", "m", 3, 1), ("two", "m", 5, 1), ("one", "m", 6, 1)]


def test_a_deployment_with_limits_is_counted_for_every_time() -> None:
    count, counted, _ = counting("key")
    assert [count("one", 3), count("one", 4)] == ["key", "key"]
    assert counted == [("one", "m", 3, 1), ("one", "m", 4, 1)]


def test_an_answer_without_tokens_does_not_tell_that_there_are_no_limits() -> None:
    count, counted, _ = counting(None)
    count("one", 0)
    count("one", 3)
    assert counted == [("one", "m", 0, 1), ("one", "m", 3, 1)]


def test_features_are_looked_for_at_each_request_of_a_path_that_one_of_them_has_and_once_for_others() -> None:
    went: list[tuple[str, str]] = []
    looked: list[str] = []

    async def app(scope: dict[str, Any], receive: object, send: object) -> None:
        went.append(("past", scope["path"]))

    async def load(middleware: object, scope: dict[str, Any], receive: object, send: object) -> None:
        went.append(("through", scope["path"]))

    def matches(path: str) -> bool:
        looked.append(path)
        return path.startswith("/agents")

    middleware = SimpleNamespace(app=app, _features=(SimpleNamespace(matches=matches),), _root_path="")
    call = past_features(load)
    for scope in (
        {"type": "http", "path": "/v1/chat/completions"},
        {"type": "http", "path": "/v1/chat/completions"},
        {"type": "http", "path": "/agents/one"},
        {"type": "http", "path": "/api/agents", "root_path": "/api"},
        {"type": "websocket", "path": "/v1/chat/completions"},
    ):
        asyncio.run(call(middleware, scope, None, None))  # type: ignore[arg-type]

    assert [how for how, _ in went] == ["past", "past", "through", "through", "through"]
    assert looked == ["/v1/chat/completions", "/agents/one"]


def test_a_setting_is_resolved_again_once_the_file_or_the_database_says_otherwise() -> None:
    store, resolved = SimpleNamespace(_yaml_values={}, _database_rows={}), []

    def resolve(of: Any, key: str) -> int:
        resolved.append((of._yaml_values, of._database_rows, key))
        return len(resolved)

    kept = until_changed(resolve)
    assert [kept(store, "a"), kept(store, "a"), kept(store, "b")] == [1, 1, 2]
    store._database_rows = {}
    assert [kept(store, "a"), kept(store, "a")] == [3, 3]
    store._yaml_values = {}
    assert kept(store, "a") == 4
