"""Virtual keys, spend rows and the usage report, in a real PostgreSQL."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.e2e.conftest import Stack, until

_TODAY: dict[str, str | int] = {"start_date": "2000-01-01 00:00:00", "end_date": "2100-01-01 00:00:00", "page_size": 20}


def _logged(stack: Stack) -> list[Any]:
    """Every row that LiteLLM shows of its log, from all pages."""
    rows: list[Any] = []
    with stack.client() as admin:
        for number in itertools.count(1):
            page = admin.get("/spend/logs/ui", params={**_TODAY, "page": number}).raise_for_status().json()
            rows += page["data"]
            if number >= page["total_pages"]:
                break
    return rows


def usage(stack: Stack, by: str) -> dict[str, dict[str, Any]]:
    rows = json.loads(stack.run("usage", "--by", by, "--since", "1h", "--json").stdout)
    return {row["name"]: row for row in rows}


def test_a_virtual_key_is_made_used_deleted_and_refused(stack: Stack) -> None:
    with stack.client() as admin:
        key = admin.post("/key/generate", json={}).raise_for_status().json()["key"]
        assert stack.chat("Hello", key=key).status_code == 200
        admin.post("/key/delete", json={"keys": [key]}).raise_for_status()

    until(lambda: stack.chat("Hello", key=key).status_code == 401, 30, "the deleted key is refused")


def test_a_key_for_one_model_is_refused_for_another(stack: Stack) -> None:
    with stack.client() as admin:
        key = admin.post("/key/generate", json={"models": ["demo"]}).raise_for_status().json()["key"]

    assert stack.chat("Hello", key=key, model="demo").status_code == 200
    assert stack.chat("Hello", key=key, model="vllm_agent").status_code in (401, 403)


def test_every_request_leaves_a_spend_row_with_its_tokens(stack: Stack) -> None:
    with stack.client() as admin:
        key = admin.post("/key/generate", json={"key_alias": "counted"}).raise_for_status().json()["key"]
    answers = [stack.chat("Hello", key=key).raise_for_status().json()["usage"] for _ in range(3)]
    streamed = stack.chat("Hello", key=key, stream=True)
    assert streamed.text.rstrip().endswith("data: [DONE]")

    row = until(lambda: (r := usage(stack, "key").get("counted")) and r["requests"] == 4 and r, 60, "four rows of the key 'counted'")

    assert row["errors"] == 0
    assert row["prompt_tokens"] == sum(answer["prompt_tokens"] for answer in answers) // 3 * 4
    assert row["completion_tokens"] > sum(answer["completion_tokens"] for answer in answers)
    assert 0 < row["median"] <= row["p95"]


def test_failed_requests_count_as_errors(stack: Stack, virtual_key: str) -> None:
    stack.chat("Hello", key=virtual_key, temperature=-5)

    until(lambda: any(row["errors"] for row in usage(stack, "model").values()), 60, "an error in the usage report")


def test_usage_by_day_is_a_table_for_people(stack: Stack) -> None:
    stack.chat("Hello").raise_for_status()

    table = until(lambda: (t := stack.run("usage", "--by", "day").stdout).startswith("day ") and t, 60, "a table")

    assert table.splitlines()[0].split() == [
        "day",
        "requests",
        "errors",
        "prompt",
        "tokens",
        "completion",
        "tokens",
        "median",
        "s",
        "p95",
        "s",
    ]


def test_the_launchs_own_requests_are_logged_but_not_in_the_report(stack: Stack) -> None:
    # the first answer, the self-test's chat, tool call and /v1/messages, and ten with which the gateway warms itself
    own = 14
    until(lambda: sum(row["end_user"] == "slipway-launch" for row in _logged(stack)) == own, 60, "the launch's rows")
    until(
        lambda: sum(row["requests"] for row in usage(stack, "model").values()) == len(_logged(stack)) - own,
        60,
        "all but the launch's rows",
    )
