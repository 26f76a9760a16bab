"""When a request may follow what LiteLLM has decided about one like it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from slipway.gateway.lane_chat import Chat
from slipway.gateway.lane_precedent import (
    Precedent,
    Precedents,
    Shape,
    as_said,
    counted,
    expiry,
    numbers_of,
    same_headers,
    same_reads,
    shape_of,
    today,
)
from slipway.gateway.lane_protocol import Wanted
from slipway.gateway.lane_record import Record
from slipway.gateway.lane_witness import Witness, call_witness, want

CHAT = Chat()
BODY: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}], "temperature": 1}
SCOPE: dict[str, Any] = {
    "path": "/v1/chat/completions",
    "query_string": b"",
    "client": ("127.0.0.1", 5000),
    "headers": [(b"authorization", b"Bearer sk-1"), (b"content-length", b"90")],
}
ENGINE = {"model_info": {"id": "one"}}
READ = {"key": {"token": "key", "models": []}}


class World:
    """What LiteLLM's cache has, and what time it is."""

    def __init__(self) -> None:
        self.cache: dict[str, Any] = dict(READ)
        self.now = 1000.0
        self.precedents = Precedents(self.cache.get, clock=lambda: self.now, date=lambda: self.now)

    def learn(
        self, body: dict[str, Any], *, read: dict[str, Any] = READ, holds: bool = True, expires: float = float("inf"), **called: Any
    ) -> None:
        """LiteLLM makes a call of it with the arguments `called`, where they are not those of the body."""
        kwargs = {"model": "demo", **numbers_of(body), **called}
        precedent = Precedent(ENGINE, kwargs, None, [], Record({"startTime": today()}), *as_said(numbers_of(body), kwargs), holds=holds)
        self.precedents.learn(shape_of(SCOPE, body, CHAT), dict(read), expires, precedent)

    def follows(self, body: dict[str, Any], scope: dict[str, Any] = SCOPE) -> bool:
        found: Shape | None = self.precedents.find(shape_of(scope, body, CHAT))
        return found is not None and self.precedents.holding(found, "one", numbers_of(body)) is not None


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("change", [{"messages": [{"role": "user", "content": "Other words"}]}, {"messages": []}])
def test_another_conversation_follows(world: World, change: dict[str, Any]) -> None:
    world.learn(BODY)
    assert world.follows({**BODY, **change})


@pytest.mark.parametrize("change", [{"model": "other"}, {"temperature": 1.0}, {"temperature": True}, {"stream": True}, {"user": "someone"}])
def test_any_other_parameter_does_not(world: World, change: dict[str, Any]) -> None:
    world.learn(BODY)
    assert not world.follows({**BODY, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"headers": [(b"authorization", b"Bearer sk-2"), (b"content-length", b"90")]},
        {"headers": [*SCOPE["headers"], (b"x-session", b"1")]},
        {"path": "/chat/completions"},
        {"query_string": b"a=b"},
        {"client": ("127.0.0.2", 5000)},
    ],
)
def test_another_key_header_path_or_client_does_not(world: World, change: dict[str, Any]) -> None:
    world.learn(BODY)
    assert not world.follows(BODY, {**SCOPE, **change})


def test_the_length_of_the_body_and_the_clients_port_may_differ(world: World) -> None:
    world.learn(BODY)
    assert world.follows(
        BODY, {**SCOPE, "client": ("127.0.0.1", 6000), "headers": [(b"authorization", b"Bearer sk-1"), (b"content-length", b"9")]}
    )


def test_a_smaller_limit_follows_and_a_greater_one_does_not(world: World) -> None:
    world.learn({**BODY, "max_tokens": 100})
    assert [world.follows({**BODY, "max_tokens": limit}) for limit in (1, 100, 101, True, None)] == [True, True, False, False, False]


def test_a_limit_that_was_lowered_follows_only_where_it_is_the_same(world: World) -> None:
    world.learn({**BODY, "max_tokens": 32000}, max_tokens=4000)
    assert [world.follows({**BODY, "max_tokens": limit}) for limit in (32000, 31999, 100)] == [True, False, False]


def test_any_seed_follows(world: World) -> None:
    world.learn({**BODY, "seed": 1})
    assert world.follows({**BODY, "seed": 99})


def test_nothing_follows_before_a_second_request_has_come_out_the_same(world: World) -> None:
    world.learn(BODY, holds=False)
    assert not world.follows(BODY)


@pytest.mark.parametrize("value", [None, {"token": "key", "models": ["other"]}, {"token": "key", "models": [], "blocked": True}])
def test_nothing_follows_once_the_key_is_another_in_litellms_cache(world: World, value: Any) -> None:
    world.learn(BODY)
    world.cache["key"] = value
    assert not world.follows(BODY)


def test_a_key_that_was_read_anew_and_is_the_same_goes_on(world: World) -> None:
    world.learn(BODY)
    world.cache["key"] = {"token": "key", "models": []}
    assert world.follows(BODY)


def test_so_does_one_of_which_litellm_has_written_down_meanwhile_that_it_was_used(world: World) -> None:
    read = {"key": {**READ["key"], "last_refreshed_at": 1.0, "last_active": None, "updated_at": "yesterday"}}
    world.learn(BODY, read=read)
    world.cache["key"] = {**READ["key"], "last_refreshed_at": 61.0, "last_active": "now", "updated_at": "now"}
    assert world.follows(BODY)
    assert not same_reads(read, {"key": {**world.cache["key"], "models": ["other"]}})
    assert not same_reads(read, {**read, "team": None})


def test_nothing_follows_once_the_key_has_expired(world: World) -> None:
    world.learn(BODY, expires=1005)
    assert world.follows(BODY)
    world.now = 1005
    assert not world.follows(BODY)


def test_one_request_goes_litellms_way_every_ten_seconds_and_the_others_go_on(world: World) -> None:
    world.learn(BODY)
    assert [world.follows(BODY) for _ in range(3)] == [True, True, True]
    world.now = 1010
    assert [world.follows(BODY) for _ in range(3)] == [False, True, True]


def test_of_requests_every_few_seconds_three_of_four_follow(world: World) -> None:
    world.learn(BODY)
    found = []
    for world.now in range(1006, 1030, 6):
        found.append(world.follows(BODY))
    assert found == [True, True, True, False]


def test_a_precedent_that_is_not_renewed_ends(world: World) -> None:
    world.learn(BODY)
    world.now = 1029
    assert world.follows(BODY)
    world.now = 1030
    assert [world.follows(BODY) for _ in range(2)] == [False, False]


def test_a_precedent_is_renewed_by_a_request_that_is_authorized_and_sent(world: World) -> None:
    world.learn(BODY)
    world.now = 1029
    shape = world.precedents.find(shape_of(SCOPE, BODY, CHAT))
    assert shape
    world.precedents.renew(shape, "one", {})
    world.now = 1031
    assert world.follows(BODY)


def test_nothing_follows_on_another_day(world: World) -> None:
    world.learn(BODY)
    shape = world.precedents.find(shape_of(SCOPE, BODY, CHAT))
    assert shape
    next(iter(shape.precedents.values())).record.row["startTime"] = "2000-01-01T00:00:00"
    assert not world.follows(BODY)


def test_another_deployment_has_its_own_precedent(world: World) -> None:
    world.learn(BODY)
    shape = world.precedents.find(shape_of(SCOPE, BODY, CHAT))
    assert shape and world.precedents.holding(shape, "two", {}) is None


def test_shapes_do_not_pile_up(world: World) -> None:
    for number in range(1000):
        world.learn({**BODY, "user": str(number)})
    assert [world.follows({**BODY, "user": str(number)}) for number in (0, 999)] == [False, True]


def test_an_answers_headers_are_the_precedents_with_what_is_its_own() -> None:
    headers = [
        (b"x-litellm-call-id", b"first"),
        (b"x-litellm-version", b"1"),
        (b"x-litellm-response-duration-ms", b"7.5"),
        (b"llm_provider-date", b"then"),
        (b"llm_provider-server", b"uvicorn"),
        (b"x-litellm-model-group", b"demo"),
    ]
    precedent = Precedent({}, {}, None, headers, Record())

    found = precedent.answer_headers("second", {"llm_provider-Date": "now", "llm_provider-x": 1}, 3.25, 1.0)

    assert found == [
        (b"x-litellm-call-id", b"second"),
        (b"x-litellm-version", b"1"),
        (b"x-litellm-response-duration-ms", b"3.25"),
        (b"llm_provider-date", b"now"),
        (b"llm_provider-x", b"1"),
        (b"x-litellm-model-group", b"demo"),
    ]
    assert not same_headers(found, headers)
    assert same_headers(headers, [(name, b"1" if name.endswith(b"-ms") else value) for name, value in headers])


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"token": "a", "spend": 3.0, "max_budget": None, "metadata": {}, "blocked": False}, ""),
        ({"max_budget": 5.0}, "max_budget"),
        ({"rpm_limit": 3}, "rpm_limit"),
        ({"team_tpm_limit": 3}, "team_tpm_limit"),
        ({"max_parallel_requests": 1}, "max_parallel_requests"),
        ({"metadata": {"guardrails": ["x"]}}, "metadata"),
        ({"team_blocked": True}, "team_blocked"),
    ],
)
def test_a_key_with_limits_or_budgets_is_counted(entry: dict[str, Any], name: str) -> None:
    assert counted(entry) == name


@pytest.mark.parametrize(
    ("expires", "seconds"), [(None, float("inf")), ("1970-01-01T00:01:00+00:00", 60.0), ("1970-01-01T01:01:00+01:00", 60.0)]
)
def test_when_a_key_expires(expires: Any, seconds: float) -> None:
    class Key:
        def __init__(self) -> None:
            self.expires = expires

    assert expiry(Key()) == seconds


def test_what_litellm_makes_of_a_calls_parameters_is_made_once_for_the_same_numbers() -> None:
    made: list[int] = []

    class Encoded(Wanted):
        def encoded(self) -> bytes:
            return json.dumps(self.body).encode()

    class Asked(Chat):
        async def want(
            self, kwargs: dict[str, Any], model: str, litellm_params: dict[str, Any], parameters: dict[str, Any] | None = None
        ) -> Wanted:
            if parameters is None:
                made.append(kwargs["max_tokens"])
                parameters = {"max_tokens": kwargs["max_tokens"]}
            return Encoded({"messages": kwargs["messages"], **parameters}, None, parameters)

    precedent = Precedent({**ENGINE, "litellm_params": {"api_base": "", "model": "hosted_vllm/demo"}}, {}, None, [], Record())

    def sent(text: str, longest: int) -> Any:
        return json.loads(asyncio.run(want(Asked(), precedent, {"messages": [text], "max_tokens": longest})))

    asked = [sent("one", 5), sent("two", 5), sent("three", 6)]
    assert asked == [{"messages": [text], "max_tokens": longest} for text, longest in (("one", 5), ("two", 5), ("three", 6))]
    assert made == [5, 6]


def test_of_requests_that_would_tell_the_same_a_few_are_watched_at_once_and_of_all_as_many_as_there_can_be_shapes() -> None:
    def watched(shape: object, known: Shape | None = None) -> Witness | None:
        return call_witness(shape, CHAT, b"", {}, known, unfit="")

    alike = [watched("one") for _ in range(6)]
    assert [item is not None for item in alike] == [True] * 4 + [False] * 2
    assert watched("one", Shape({}, 0.0)) is not None  # LiteLLM decides again
    others = [watched(number) for number in range(200)]
    assert sum(item is not None for item in (*alike, *others)) == 128
    del alike, others
    assert watched("one") is not None
