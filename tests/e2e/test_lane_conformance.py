"""Every request of the data files, through the lane and through LiteLLM: status, headers, body, events and spend row.

Through the lane once as LiteLLM decides about it, and once by the precedent that this has become.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from slipway.database.urls import libpq_url
from slipway.paths import build_paths
from tests.e2e.conformance.cases import PROTOCOLS, Case, read_cases
from tests.e2e.conformance.compare import level_body, level_headers, level_text, without_fields
from tests.e2e.conformance.differences import level_row
from tests.e2e.conformance.gateways import Pair, embedding_engine, further_gateway, make_keys
from tests.e2e.conftest import ROOT, Stack, until

CASES = [case for protocol in PROTOCOLS for case in read_cases(protocol)]
# LiteLLM resets a kept connection after some refusals, with the lane and without
_FRESH = httpx.Limits(max_keepalive_connections=0)
_AT_ONCE = 3  # requests on each gateway; the stack's routes take 4
_FOLLOWED = "hit; by precedent"
# LiteLLM alone refuses a case with `litellm`, and one with `like` is held against another
FOLLOWED = [case for case in CASES if case.verdict == "hit" and not (case.litellm or case.like or case.unsteady)]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def call_id(self) -> str:
        return self.headers.get("x-litellm-call-id", "")


Pairs = Callable[[Case], Pair]


@pytest.fixture(scope="module")
def pairs(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """The gateways for a case: the demo model makes no embeddings, so there is a second engine for these."""

    def folder(name: str) -> Path:
        return tmp_path_factory.mktemp(name)

    with ExitStack() as running:
        keys = make_keys(stack.url)
        chat = Pair(stack.url, running.enter_context(further_gateway(stack, folder("litellm"), "off")), keys)
        engine = running.enter_context(embedding_engine(stack, folder("embedder")))
        lane, litellm = (
            running.enter_context(further_gateway(stack, folder(f"embeddings-{lane}"), lane, engine)) for lane in ("on", "off")
        )
        embeddings = Pair(lane, litellm, keys)
        yield lambda case: embeddings if case.protocol == "embeddings" else chat


@pytest.fixture(scope="module")
def answers(stack: Stack, pairs: Pairs) -> dict[str, tuple[Answer, Answer]]:
    """Case -> the lane's answer and LiteLLM's, each with its spend rows."""
    with ThreadPoolExecutor(2) as pool:
        lane, litellm = pool.map(lambda side: ask(CASES, pairs, side), ("lane", "litellm"))
    found = {case.name: both for case, both in zip(CASES, zip(lane, litellm, strict=True), strict=True)}
    # a count of tokens leaves no row
    _attach_rows(stack, [found[case.name] for case in CASES if case.verdict])
    return found


@pytest.fixture(scope="module")
def followed(stack: Stack, pairs: Pairs, answers: dict[str, tuple[Answer, Answer]]) -> dict[str, tuple[Answer, Answer]]:
    """Case -> the lane's answer by precedent and LiteLLM's, each with its spend rows."""
    lane = ask(FOLLOWED, pairs, "lane", send_until_followed)
    found = {case.name: (answer, answers[case.name][1]) for case, answer in zip(FOLLOWED, lane, strict=True)}
    _attach_rows(stack, list(found.values()))
    return found


def send(client: httpx.Client, url: str, case: Case, keys: dict[str, str]) -> Answer:
    key = keys.get(case.key, case.key)
    headers = {"content-type": "application/json", "accept-encoding": "identity", **dict(case.headers)}
    if key:
        headers[case.header] = key if case.header != "authorization" else f"Bearer {key}"
    response = client.post(f"{url}{case.path}", content=case.body, headers=headers)
    return Answer(response.status_code, dict(response.headers), response.text)


def send_until_followed(client: httpx.Client, url: str, case: Case, keys: dict[str, str]) -> Answer:
    """The last answer; LiteLLM writes down what has become of a request some time after it is answered."""
    answer = send(client, url, case, keys)
    deadline = time.monotonic() + 60
    while answer.headers.get("x-slipway-lane") != _FOLLOWED and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = send(client, url, case, keys)
    return answer


def ask(
    cases: list[Case], pairs: Pairs, side: str, send: Callable[[httpx.Client, str, Case, dict[str, str]], Answer] = send
) -> list[Answer]:
    """The answers of one side, `lane` or `litellm`."""
    with httpx.Client(timeout=120, limits=_FRESH) as client, ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda case: send(client, getattr(pairs(case), side), case, pairs(case).keys), cases))


def _attach_rows(stack: Stack, pairs: list[tuple[Answer, Answer]]) -> None:
    """Give each answer its spend rows, once every good answer has one, and refused ones have as many on both sides."""
    url = libpq_url((build_paths(ROOT, stack.environ, stack.environ["STACK_NAME"]).secrets / "DATABASE_URL").read_text().strip())
    ids = [answer.call_id for pair in pairs for answer in pair]

    def settled() -> bool:
        with psycopg.connect(url, row_factory=dict_row) as connection:
            rows = connection.execute('SELECT * FROM "LiteLLM_SpendLogs" WHERE litellm_call_id = ANY(%s)', (ids,)).fetchall()
        for answer in (answer for pair in pairs for answer in pair):
            answer.rows = [row for row in rows if answer.call_id and row["litellm_call_id"] == answer.call_id]
        return all(len(lane.rows) == len(litellm.rows) and (lane.status != 200 or lane.rows) for lane, litellm in pairs)

    until(settled, 60, "as many spend rows from both gateways")


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_the_lane_takes_what_it_should_and_says_why_not(case: Case, answers: dict[str, tuple[Answer, Answer]]) -> None:
    lane, litellm = answers[case.name]

    said = ((lane.headers.get("x-slipway-lane") or "").removesuffix("; by precedent") or None, litellm.headers.get("x-slipway-lane"))
    assert said == ((case.verdict, "pass; LANE=off") if case.verdict else (None, None)), lane.text


def test_both_give_the_same_answer(case: Case, answers: dict[str, tuple[Answer, Answer]], pairs: Pairs) -> None:
    lane, litellm = (_level(case, answer) for answer in answers[case.name])
    for _ in range(4 if case.unsteady else 0):
        if lane == litellm:
            break
        lane, litellm = (_level(case, ask([case], pairs, side)[0]) for side in ("lane", "litellm"))

    if case.litellm:
        assert (lane["status"], litellm["status"]) == (200, case.litellm)
    elif case.like:
        assert lane["body"]["choices"] == _level(case, answers[case.like][1])["body"]["choices"]
    else:
        assert without_fields(lane, case.differs) == without_fields(litellm, case.differs)
        assert (lane != litellm) == bool(case.differs)


def _level(case: Case, answer: Answer) -> Any:
    body = level_body(case.protocol, answer.headers.get("content-type", ""), answer.text)
    return {"status": answer.status, "headers": level_headers(answer.headers, case.protocol), "body": body}


def test_both_leave_the_same_spend_row(case: Case, answers: dict[str, tuple[Answer, Answer]]) -> None:
    lane, litellm = ([without_fields(level_row(row, case.protocol), case.differs) for row in answer.rows] for answer in answers[case.name])

    if not case.litellm:
        assert level_text(json.dumps(lane, indent=1, default=str)) == level_text(json.dumps(litellm, indent=1, default=str))
    if answers[case.name][0].status == 200 and case.verdict:
        [row] = answers[case.name][0].rows
        assert row["prompt_tokens"] > 0 and (row["completion_tokens"] > 0 or case.protocol == "embeddings")


@pytest.fixture(params=FOLLOWED, ids=lambda case: case.name)
def followed_case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_a_precedent_gives_the_same_answer_and_spend_row(followed_case: Case, followed: dict[str, tuple[Answer, Answer]]) -> None:
    case, both = followed_case, followed[followed_case.name]

    assert both[0].headers.get("x-slipway-lane") == _FOLLOWED
    lane, litellm = (_level(case, answer) for answer in both)
    del lane["headers"]["x-slipway-lane"], litellm["headers"]["x-slipway-lane"]
    assert without_fields(lane, case.differs) == without_fields(litellm, case.differs)
    lane, litellm = ([without_fields(level_row(row, case.protocol), case.differs) for row in answer.rows] for answer in both)
    assert level_text(json.dumps(lane, indent=1, default=str)) == level_text(json.dumps(litellm, indent=1, default=str))
