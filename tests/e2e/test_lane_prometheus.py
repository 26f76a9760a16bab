"""LiteLLM's counters for Prometheus: a request on the lane adds to them what the same one through LiteLLM alone adds, under the same labels."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.e2e.conformance.gateways import add_route, both_gateways
from tests.e2e.conftest import MASTER_KEY, Stack, until
from tests.e2e.test_lane_precedents import make_key, verdict

_HELLO: Any = [{"role": "user", "content": "Hello"}]
_CHAT = "/v1/chat/completions"
_KEY = "prometheus"
_ROUNDS = 3  # of which the last would follow a precedent, if nothing counted them
# each protocol has a route of its own, which is a label
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": (_CHAT, {"messages": _HELLO, "max_tokens": 5}),
    "messages": ("/v1/messages", {"messages": _HELLO, "max_tokens": 5}),
    "completions": ("/v1/completions", {"prompt": "Hello", "max_tokens": 5}),
    "responses": ("/v1/responses", {"input": "Hello", "max_output_tokens": 30}),
}
_TOO_LONG = [{"role": "user", "content": "word " * 40000}]
REFUSED: dict[int, dict[str, Any]] = {400: {"model": "chat", "messages": _TOO_LONG}, 404: {"model": "nothing", "messages": _HELLO}}

Sample = tuple[str, frozenset[tuple[str, str]]]  # a counter's name and its labels
Samples = dict[Sample, float]


@dataclass
class Counted:
    """What one gateway has counted, and x-slipway-lane of its good answers."""

    samples: Samples
    verdicts: set[str]


# of powers of two, so that sums are exact; they would keep streamed responses from the lane
PRICES: dict[str, Any] = {"input_cost_per_token": 2**-10, "output_cost_per_token": 2**-9}
# (route, counter) -> why the two differ there
EXPLAINED = {
    ("messages", "litellm_output_reasoning_tokens_metric_total"): "the engine's /v1/messages does not tell how many tokens are thoughts",
    ("completions", "litellm_overhead_latency_metric_count"): "LiteLLM does not time completions",
    ("completions", "litellm_overhead_with_guardrails_latency_metric_count"): "the same",
}
# of a client that leaves these depend on when; then the lane asks the engine how long the prompt was, and LiteLLM estimates it
_BY_CHANCE = {
    ("left", f"litellm_{name}_metric_total")
    for name in ("input_tokens", "output_tokens", "output_reasoning_tokens", "total_tokens", "spend")
}


def count(config: dict[str, Any]) -> None:
    config["litellm_settings"]["callbacks"] = ["prometheus"]
    for name in (*REQUESTS, "left"):
        add_route(config, name, **({} if name == "responses" else PRICES))


def scrape(url: str) -> Samples:
    """Counters, and how many times a duration was measured, of this module's requests: the gateway has made some itself at start."""
    text = httpx.get(url + "/metrics/", headers={"Authorization": f"Bearer {MASTER_KEY}"}, timeout=60).raise_for_status().text
    # messages go to the engine's own path for them
    text = text.replace('/v1/messages",api_key', '/v1/chat/completions",api_key')
    found = re.findall(r"^(litellm_\w+(?:_total|_count))\{(.*)\} (\S+)$", text, re.MULTILINE)
    samples = {(name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels))): float(value) for name, labels, value in found}
    return {sample: value for sample, value in samples.items() if ("api_key_alias", _KEY) in sample[1] or part(sample)[0] in REQUESTS}


def summed(samples: Samples, name: str, route: str = "") -> float:
    return sum(value for sample, value in samples.items() if sample[0] == name and route in ("", part(sample)[0]))


def part(sample: Sample) -> tuple[str, str]:
    """Route and counter."""
    labels = dict(sample[1])
    return labels.get("requested_model") or labels.get("model_group", ""), sample[0]


def send_all(url: str, key: str) -> set[str]:
    """Two kinds of each protocol, some that are refused, and one whose client leaves; gives x-slipway-lane of the good ones."""
    verdicts = set()
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        for _, (name, (path, body)), stream in itertools.product(range(_ROUNDS), REQUESTS.items(), (False, True)):
            # LiteLLM knows the tokens of a streamed completion only when the client asks
            usage = {"stream_options": {"include_usage": True}} if stream and name == "completions" else {}
            answer = client.post(path, json={"model": name, "temperature": 0, "stream": stream, **body, **usage})
            verdicts.add(verdict(answer.raise_for_status()))
        for status, body in REFUSED.items():
            assert client.post(_CHAT, json=body).status_code == status
        wrong = {"Authorization": "Bearer sk-wrong"}
        assert client.post(_CHAT, json={"model": "chat", "messages": _HELLO}, headers=wrong).status_code == 401
        long = {"model": "left", "messages": _HELLO, "stream": True, "temperature": 2, "min_tokens": 2000, "max_tokens": 2000}
        with client.stream("POST", _CHAT, json=long) as left:
            assert list(itertools.islice(left.iter_lines(), 20))
        return {*verdicts, verdict(left)}


@pytest.fixture(scope="module")
def counted(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Counted]]:
    key = make_key(stack, key_alias=_KEY)
    good = 2 * _ROUNDS * len(REQUESTS) + 1
    # those that a person or the engine has refused; of a wrong key LiteLLM counts no failed call
    ends = {"litellm_proxy_total_requests_metric_total": good + 3, "litellm_requests_metric_total": good,
            "litellm_proxy_failed_requests_metric_total": 3, "litellm_llm_api_failed_requests_metric_total": 2}  # fmt: skip
    found = {}
    with both_gateways(stack, tmp_path_factory.mktemp("prometheus"), count) as urls:
        for lane, url in urls.items():
            verdicts = send_all(url, key)

            def all_counted(url: str = url) -> Any:
                samples = scrape(url)
                return {name: summed(samples, name) for name in ends} == ends and samples

            found[lane] = Counted(until(all_counted, 60, f"these counts with the lane {lane}: {ends}"), verdicts)
        yield found


def test_requests_that_are_counted_take_the_lane_and_have_no_precedents(counted: dict[str, Counted]) -> None:
    assert {lane: found.verdicts for lane, found in counted.items()} == {"on": {"hit"}, "off": {"pass; LANE=off"}}


@pytest.mark.parametrize("route", [*REQUESTS, "left", "refused"])
def test_the_lane_counts_as_litellm_does(counted: dict[str, Counted], route: str) -> None:
    left_out = EXPLAINED.keys() | _BY_CHANCE
    lane, litellm = (
        {sample: value for sample, value in counted[lane].samples.items() if part(sample) not in left_out and _belongs(sample, route)}
        for lane in ("on", "off")
    )

    assert lane == litellm
    assert {"litellm_proxy_total_requests_metric_total"} <= {name for name, _ in lane}


def _belongs(sample: Sample, route: str) -> bool:
    known = (*REQUESTS, "left")
    return part(sample)[0] == route or (route == "refused" and part(sample)[0] not in known)


@pytest.mark.parametrize("explained", EXPLAINED, ids=" ".join)
def test_an_explained_difference_is_one(counted: dict[str, Counted], explained: tuple[str, str]) -> None:
    route, name = explained
    lane, litellm = (summed(counted[lane].samples, name, route) for lane in ("on", "off"))

    assert lane != litellm


def test_requests_tokens_and_spend_are_counted(counted: dict[str, Counted]) -> None:
    """Both could be equal for having counted nothing."""
    requests, prompts, answers, spend = (
        {route: summed(counted["on"].samples, f"litellm_{name}_total", route) for route in (*REQUESTS, "left")}
        for name in ("requests_metric", "input_tokens_metric", "output_tokens_metric", "spend_metric")
    )

    assert requests == {**dict.fromkeys(REQUESTS, 2.0 * _ROUNDS), "left": 1}
    assert (prompts["chat"], answers["chat"]) == (12 * requests["chat"], 5 * requests["chat"])
    assert spend == {
        route: 0
        if route == "responses"
        else prompts[route] * PRICES["input_cost_per_token"] + answers[route] * PRICES["output_cost_per_token"]
        for route in requests
    }
