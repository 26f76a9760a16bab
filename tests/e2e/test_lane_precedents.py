"""Requests that follow what LiteLLM has decided about one like them: what they leave behind, and when they stop to follow."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from slipway.database.urls import libpq_url
from slipway.paths import build_paths
from tests.e2e.conftest import ROOT, Stack, until

FOLLOWED = "hit; by precedent"
LONG: dict[str, Any] = {"ignore_eos": True, "max_tokens": 800}
Change = Callable[[httpx.Client, str], object]


def verdict(response: httpx.Response) -> str:
    return response.headers["x-slipway-lane"]


def ask(client: httpx.Client, text: str = "Hello", **more: Any) -> httpx.Response:
    return client.post("/v1/chat/completions", json={"model": "vllm_agent", "messages": [{"role": "user", "content": text}], **more})


def ask_until_followed(client: httpx.Client, **more: Any) -> list[httpx.Response]:
    """All answers, up to the first by precedent: LiteLLM writes down what has become of a request after it is answered."""
    answers: list[httpx.Response] = []

    def followed() -> bool:
        answers.append(ask(client, **more).raise_for_status())
        return verdict(answers[-1]) == FOLLOWED

    until(followed, 90, "an answer by precedent")
    return answers


def query(stack: Stack, text: str, *values: Any) -> list[dict[str, Any]]:
    url = (build_paths(ROOT, stack.environ, stack.environ["STACK_NAME"]).secrets / "DATABASE_URL").read_text().strip()
    with psycopg.connect(libpq_url(url), row_factory=dict_row) as connection:
        return connection.execute(text, values).fetchall()


def make_key(stack: Stack, **more: Any) -> str:
    with stack.client() as admin:
        return str(admin.post("/key/generate", json=more).raise_for_status().json()["key"])


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda admin, key: admin.post("/key/block", json={"key": key}), 401),
        (lambda admin, key: admin.post("/key/delete", json={"keys": [key]}), 401),
        (lambda admin, key: admin.post("/key/update", json={"key": key, "models": ["nothing"]}), 403),
        (lambda admin, key: admin.post("/key/update", json={"key": key, "rpm_limit": 0}), 429),
        (lambda admin, key: admin.post("/key/update", json={"key": key, "max_budget": 0.0}), 422),
    ],
    ids=["blocked", "deleted", "for another model", "limited", "without a budget"],
)
def test_a_key_that_is_changed_is_judged_anew_at_the_next_request(stack: Stack, change: Change, status: int) -> None:
    key = make_key(stack)
    with stack.client() as admin, stack.client(key) as client:
        ask_until_followed(client, max_tokens=2)
        change(admin, key)
        answer = ask(client, max_tokens=2)

    assert verdict(answer).startswith("pass; ")
    assert answer.status_code == status


def test_another_key_does_not_follow_this_one(stack: Stack) -> None:
    with stack.client(make_key(stack)) as client:
        ask_until_followed(client, max_tokens=2)
    with stack.client("sk-wrong") as client:
        assert ask(client, max_tokens=2).status_code == 401


@pytest.mark.parametrize("streaming", [False, True])
def test_each_request_is_counted_once_wherever_litellm_counts(stack: Stack, streaming: bool) -> None:
    key = make_key(stack)
    with stack.client(key) as client:
        answers = ask_until_followed(client, max_tokens=3, stream=streaming)
        answers += [ask(client, f"Hello {number}", max_tokens=2, stream=streaming).raise_for_status() for number in range(5)]
    assert [verdict(answer) for answer in answers].count(FOLLOWED) >= 5  # one in ten seconds is LiteLLM's
    hashed, count = hashlib.sha256(key.encode()).hexdigest(), len(answers)

    def sums(table: str) -> list[dict[str, Any]]:
        columns = "sum(api_requests) AS requests, sum(successful_requests) AS good, sum(prompt_tokens) AS prompt"
        columns += ", sum(completion_tokens) AS completion, sum(timed_requests) AS timed"
        return query(stack, f'SELECT {columns} FROM "{table}" WHERE api_key = %s', hashed)

    rows = until(
        lambda: len(found := query(stack, 'SELECT * FROM "LiteLLM_SpendLogs" WHERE api_key = %s', hashed)) == count and found, 60, "rows"
    )

    assert {row["litellm_call_id"] for row in rows} == {answer.headers["x-litellm-call-id"] for answer in answers}
    expected = {
        "requests": count,
        "good": count,
        "prompt": sum(row["prompt_tokens"] for row in rows),
        "completion": sum(row["completion_tokens"] for row in rows),
        "timed": count,
    }
    until(lambda: sums("LiteLLM_DailyTeamSpend") == [expected], 60, "the day's sum")
    # one for the client's name, one for that with its version
    until(lambda: sums("LiteLLM_DailyTagSpend") == [{name: value * 2 for name, value in expected.items()}], 60, "the sums of the tags")


def test_what_the_engine_refuses_is_refused_in_litellms_words(stack: Stack) -> None:
    with stack.client(make_key(stack)) as client:
        ask_until_followed(client, max_tokens=2)
        answer = ask(client, "word " * 30000, max_tokens=2)

    assert (answer.status_code, verdict(answer)) == (400, "pass; engine: status 400")
    assert "maximum context length" in answer.json()["error"]["message"]


def leave(client: httpx.Client, body: dict[str, Any]) -> httpx.Response | None:
    """Ask and go away: a stream's client when it has some tokens; the other's has no answer then."""
    if body["stream"]:
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            # past the event with the role, which has no token
            assert list(itertools.islice(response.iter_lines(), 20))
            return response
    with suppress(httpx.ReadTimeout):
        client.post("/v1/chat/completions", json=body, timeout=0.3)
    return None


@pytest.mark.parametrize("streaming", [False, True])
def test_a_client_that_goes_away_frees_the_engine_and_leaves_a_row(stack: Stack, streaming: bool) -> None:
    key = make_key(stack)
    engine = stack.part("engine")["address"]

    def metric(name: str) -> float:
        return sum(map(float, re.findall(rf"^vllm:{name}\{{[^}}]*\}} ([0-9.e+]+)", httpx.get(engine + "/metrics").text, re.MULTILINE)))

    with stack.client(key) as client:
        answers = ask_until_followed(client, stream=streaming, **LONG)
    body: dict[str, Any] = {"model": "vllm_agent", "messages": [{"role": "user", "content": "Hello"}], "stream": streaming, **LONG}
    left: list[httpx.Response | None] = []
    with stack.client(key) as client:
        # one request in ten seconds is LiteLLM's; and beside an engine that keeps two cores busy, a client may
        # have no turn to leave before the answer is over
        for _ in range(5):
            before = metric("generation_tokens_total")
            left.append(leave(client, body))
            until(lambda: metric("num_requests_running") == 0, 20, "no request running at the engine")
            freed = metric("generation_tokens_total") - before < LONG["max_tokens"]
            if freed and (left[-1] is None or verdict(left[-1]) == FOLLOWED):
                break
        else:
            pytest.fail(f"no answer by precedent was cut short: {[response and verdict(response) for response in left]}")

    hashed, count = hashlib.sha256(key.encode()).hexdigest(), len(answers) + len(left)
    rows = until(
        lambda: len(found := query(stack, 'SELECT * FROM "LiteLLM_SpendLogs" WHERE api_key = %s', hashed)) == count and found,
        60,
        "a row for the request of the client that went away",
    )
    assert len({row["prompt_tokens"] for row in rows}) == 1, "all have the same prompt, counted by the engine"
    if last := left[-1]:
        [row] = [row for row in rows if row["litellm_call_id"] == last.headers["x-litellm-call-id"]]
        assert 0 < row["completion_tokens"] < LONG["max_tokens"]


def test_precedents_of_every_protocol_answer_as_before(stack: Stack) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "/v1/completions": {"prompt": "Hello", "max_tokens": 2},
        "/v1/messages": {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2},
        "/v1/responses": {"input": "Hello", "max_output_tokens": 2},
    }
    with stack.client(make_key(stack)) as client:
        for path, body in bodies.items():

            def followed(path: str = path, body: dict[str, Any] = body) -> bool:
                answer = client.post(path, content=json.dumps({"model": "vllm_agent", **body})).raise_for_status()
                return verdict(answer) == FOLLOWED

            until(followed, 60, f"an answer by precedent on {path}")
