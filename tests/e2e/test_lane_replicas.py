"""Routes with two deployments: LiteLLM's router chooses, and lets rest what does not answer, with the lane as without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.conformance.compare import level_headers
from tests.e2e.conformance.gateways import add_route, both_gateways
from tests.e2e.conftest import Stack, free_port, until
from tests.e2e.test_lane_precedents import FOLLOWED, make_key, query, verdict

_CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}
# route -> the requests for it; each has a deployment of its own that may cool down
BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "broken": ("/v1/chat/completions", _CHAT),
    "broken for streams": ("/v1/chat/completions", {**_CHAT, "stream": True}),
    "broken for messages": ("/v1/messages", _CHAT),
    "broken for responses": ("/v1/responses", {"input": "Hello", "max_output_tokens": 2}),
}


def add_replicas(config: dict[str, Any]) -> None:
    """A route `pair` with the stack's engine twice, and for each test a route of its own with that and a port where nobody listens."""
    for id in ("first", "second"):
        add_route(config, "pair", f"pair {id}")
    dead = f"http://127.0.0.1:{free_port()}/v1"
    for name in BROKEN:
        add_route(config, name, f"{name} live")
        add_route(config, name, f"{name} dead", api_base=dead)
    config["router_settings"].update(disable_cooldowns=False, allowed_fails=0, cooldown_time=600)


@pytest.fixture(scope="module")
def gateways(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with both_gateways(stack, tmp_path_factory.mktemp("replicas"), add_replicas) as urls:
        yield urls


def ask_until_failed(url: str, key: str, route: str) -> tuple[list[httpx.Response], httpx.Response]:
    """The good answers before a failure and after, and the failure: which of two deployments is asked is chance."""
    path, body = BROKEN[route]
    answers: list[httpx.Response] = []
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:

        def failed() -> bool:
            answers.append(client.post(path, json={"model": route, **body}))
            return answers[-1].status_code != 200

        until(failed, 20, "a failure")
        failure = answers.pop()
        for _ in range(10):
            failed()
    return answers, failure


@pytest.mark.parametrize("route", BROKEN)
def test_a_deployment_that_does_not_answer_rests_after_one_failure(stack: Stack, gateways: dict[str, str], route: str) -> None:
    failures: list[httpx.Response] = []
    for lane, url in gateways.items():
        answers, failure = ask_until_failed(url, make_key(stack), route)
        assert {(answer.status_code, answer.headers["x-litellm-model-id"]) for answer in answers} == {(200, f"{route} live")}
        assert {verdict(answer) for answer in answers} <= ({"hit", FOLLOWED} if lane == "on" else {"pass; LANE=off"})
        assert verdict(failure) == ("pass; engine: EngineGone" if lane == "on" else "pass; LANE=off")
        failures.append(failure)

    assert [answer.status_code for answer in failures] == [503, 503]
    on, off = ([level_headers(answer.headers, "chat") | {"x-slipway-lane": ""}, answer.json()] for answer in failures)
    assert on == off
    text = 'SELECT model_id, status FROM "LiteLLM_SpendLogs" WHERE litellm_call_id = ANY(%s)'
    ids = [answer.headers["x-litellm-call-id"] for answer in failures]
    rows = until(lambda: len(found := query(stack, text, ids)) >= 2 and found, 20, "the failures' spend rows")
    assert rows == [{"model_id": f"{route} dead", "status": "failure"}] * 2


@pytest.mark.parametrize("streaming", [False, True])
def test_two_deployments_share_the_requests(stack: Stack, gateways: dict[str, str], streaming: bool) -> None:
    wanted = {"on": {"hit", FOLLOWED}, "off": {"pass; LANE=off"}}
    for lane, url in gateways.items():
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {make_key(stack)}"}, timeout=60) as client:
            met: Counter[tuple[str, str]] = Counter()

            def all_met(client: httpx.Client = client, met: Counter[tuple[str, str]] = met, lane: str = lane) -> bool:
                answer = client.post("/v1/chat/completions", json={"model": "pair", "stream": streaming, **_CHAT}).raise_for_status()
                met[answer.headers["x-litellm-model-id"], verdict(answer)] += 1
                return set(met) == {(f"pair {id}", said) for id in ("first", "second") for said in wanted[lane]}

            until(all_met, 30, f"both deployments, each in all of these ways: {wanted[lane]}")
