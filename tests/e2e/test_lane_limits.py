"""Limits and budgets that run out in the course of use: the lane's requests use them up as LiteLLM's own do, and are refused alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.e2e.conformance.compare import level_body, level_headers
from tests.e2e.conformance.gateways import add_route, both_gateways
from tests.e2e.conftest import Stack, until
from tests.e2e.test_lane_precedents import make_key, query

_AT_ONCE = 3  # requests; the routes of each gateway take 4
_MESSAGES = [{"role": "user", "content": "Hello"}]
_CHAT = {"model": "vllm_agent", "messages": _MESSAGES}
# the answer has 18 tokens: most of what LiteLLM sets aside for a request is to come back
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": _MESSAGES, "max_tokens": 60, "temperature": 0}),
    "messages": ("/v1/messages", {"messages": _MESSAGES, "max_tokens": 60, "temperature": 0}),
    "responses": ("/v1/responses", {"input": "Hello", "max_output_tokens": 60, "temperature": 0}),
    "completions": ("/v1/completions", {"prompt": "Hello", "max_tokens": 16, "temperature": 0}),
}


@dataclass(frozen=True)
class Limit:
    """What a key has, or its team or user, and the answers' statuses, one request after the other."""

    name: str
    settings: dict[str, Any]
    statuses: tuple[int, ...]
    owner: str = "key"
    protocol: str = "chat"
    streaming: bool = False
    route: str = "vllm_agent"
    verdict: str = "hit"


_BUDGET: dict[str, Any] = {"statuses": (200, 200, 200, 422), "route": "priced"}  # each costs 0.048
_TOKENS: dict[str, Any] = {"settings": {"tpm_limit": 100}, "statuses": (200, 200, 429)}  # each takes 30
LIMITS = [
    Limit("requests", {"rpm_limit": 2}, (200, 200, 429)),
    Limit("requests of a team", {"rpm_limit": 2}, (200, 200, 429), "team"),
    Limit("requests of a user", {"rpm_limit": 2}, (200, 200, 429), "user"),
    Limit("requests for a model", {"model_rpm_limit": {"vllm_agent": 2}}, (200, 200, 429)),
    Limit("requests for completions", {"rpm_limit": 2}, (200, 200, 429), protocol="completions"),
    Limit("tokens", **_TOKENS),
    Limit("tokens of streams", **_TOKENS, streaming=True),
    Limit("tokens of messages", **_TOKENS, protocol="messages"),
    Limit("tokens of streamed messages", **_TOKENS, protocol="messages", streaming=True),
    Limit("tokens of responses", **_TOKENS, protocol="responses"),
    Limit("tokens of streamed responses", **_TOKENS, protocol="responses", streaming=True),
    Limit("tokens of a team", **_TOKENS, owner="team"),
    Limit("a budget", {"max_budget": 0.1}, **_BUDGET),
    Limit("a budget for streams", {"max_budget": 0.1}, **_BUDGET, streaming=True),
    Limit("a budget for messages", {"max_budget": 0.1}, **_BUDGET, protocol="messages"),
    Limit("a budget for streamed responses", {"max_budget": 0.1}, **_BUDGET, protocol="responses", streaming=True, verdict="pass; a price"),
    Limit("a budget of an hour", {"budget_limits": [{"budget_duration": "1h", "max_budget": 0.1}]}, **_BUDGET),
    Limit("a budget of a team", {"max_budget": 0.1}, **_BUDGET, owner="team"),
    Limit("a budget of a user", {"max_budget": 0.1}, **_BUDGET, owner="user"),
]


@dataclass
class Use:
    """One limit used up on one gateway."""

    limit: Limit
    url: str
    key: str
    answers: list[httpx.Response] = field(default_factory=list)

    def ask(self) -> None:
        path, body = REQUESTS[self.limit.protocol]
        more = {"model": self.limit.route, "stream": self.limit.streaming}
        headers = {"authorization": f"Bearer {self.key}"}
        self.answers.append(httpx.post(self.url + path, json={**body, **more}, headers=headers, timeout=60))


def key_with(stack: Stack, limit: Limit) -> str:
    if limit.owner == "key":
        return make_key(stack, **limit.settings)
    settings = {**limit.settings, **({"auto_create_key": False} if limit.owner == "user" else {})}
    with stack.client() as admin:
        made = admin.post(f"/{limit.owner}/new", json=settings).raise_for_status().json()
    return make_key(stack, **{f"{limit.owner}_id": made[f"{limit.owner}_id"]})


def add_priced_route(config: dict[str, Any]) -> None:
    add_route(config, "priced", input_cost_per_token=0.001, output_cost_per_token=0.002)


@pytest.fixture(scope="module")
def gateways(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with both_gateways(stack, tmp_path_factory.mktemp("limits"), add_priced_route) as urls:
        yield urls


@pytest.fixture(scope="module")
def uses(stack: Stack, gateways: dict[str, str]) -> dict[str, dict[str, Use]]:
    """Limit -> what came of it with the lane on and off."""
    found = {limit.name: {lane: Use(limit, url, key_with(stack, limit)) for lane, url in gateways.items()} for limit in LIMITS}
    for number in range(4):
        due = [use for both in found.values() for use in both.values() if number < len(use.limit.statuses)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(Use.ask, due))
        await_rows(stack, [use.answers[-1] for use in due if use.answers[-1].status_code == 200])
    return found


def await_rows(stack: Stack, answers: list[httpx.Response]) -> list[dict[str, Any]]:
    """Their spend rows: by the time that one is there, LiteLLM has counted the request for all limits."""
    ids = [answer.headers["x-litellm-call-id"] for answer in answers]
    text = 'SELECT * FROM "LiteLLM_SpendLogs" WHERE litellm_call_id = ANY(%s)'
    found: list[dict[str, Any]] = until(lambda: len(rows := query(stack, text, ids)) == len(ids) and (rows or [{}]), 60, "spend rows")
    return found


def level(answer: httpx.Response, protocol: str = "chat") -> Any:
    """An answer without what it is known by, and without ids of keys, teams and users."""
    headers = {name: value for name, value in level_headers(answer.headers, protocol).items() if name != "x-slipway-lane"}
    body = level_body(protocol, answer.headers["content-type"], re.sub(r"[0-9a-f]{64}|[0-9a-f-]{36}", "<id>", answer.text))
    return {"status": answer.status_code, "headers": headers, "body": body}


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_a_limit_runs_out_with_the_lane_as_without(limit: Limit, uses: dict[str, dict[str, Use]]) -> None:
    lane, litellm = (uses[limit.name][lane].answers for lane in ("on", "off"))

    assert [answer.status_code for answer in lane] == list(limit.statuses), lane[-1].text
    assert [level(answer, limit.protocol) for answer in lane] == [level(answer, limit.protocol) for answer in litellm]
    said = [limit.verdict if status == 200 else "pass; refused before the engine was asked" for status in limit.statuses]
    assert [answer.headers["x-slipway-lane"] for answer in lane] == said


@pytest.mark.parametrize("leaving", [False, True], ids=["that ends", "that is left"])
def test_a_stream_has_the_only_place_until_it_ends_or_is_left(stack: Stack, gateways: dict[str, str], leaving: bool) -> None:
    answers: dict[str, list[Any]] = {}
    tokens = 6000 if leaving else 800
    for lane, url in gateways.items():
        headers = {"authorization": f"Bearer {make_key(stack, max_parallel_requests=1)}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            # beside an engine that keeps two cores busy, LiteLLM may come to another request, or to the leaving, too late
            for _ in range(8):
                stream, refused, free = ask_beside_a_stream(client, tokens, leaving)
                [row] = await_rows(stack, [stream])
                if refused.status_code != 200 and (row["completion_tokens"] < tokens) == leaving:
                    break
            else:
                pytest.fail(f"no second request was beside a stream, {lane=}, {leaving=}: {refused.status_code}, {row}")
        assert [answer.headers["x-slipway-lane"] for answer in (stream, free)] == ["hit" if lane == "on" else "pass; LANE=off"] * 2
        answers[lane] = [level(refused), level(free)]

    assert answers["on"] == answers["off"]
    assert [answer["status"] for answer in answers["on"]] == [429, 200]


def ask_beside_a_stream(client: httpx.Client, tokens: int, leaving: bool) -> tuple[httpx.Response, httpx.Response, httpx.Response]:
    """A stream of so many tokens, the answer to another request while it is open, and the first good one after it."""

    def ask() -> httpx.Response:
        return client.post("/v1/chat/completions", json={**_CHAT, "max_tokens": 2})

    def ask_if_free() -> httpx.Response | None:
        return answer if (answer := ask()).status_code == 200 else None

    # hot, because LiteLLM ends a stream that says the same a hundred times
    long = {"stream": True, "temperature": 2, "min_tokens": tokens, "max_tokens": tokens}
    with client.stream("POST", "/v1/chat/completions", json={**_CHAT, **long}) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("data: ")
        refused = ask()
        if not leaving:
            list(lines)
    return stream, refused, until(ask_if_free, 30, "the place is free")
