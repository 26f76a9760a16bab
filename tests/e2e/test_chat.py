"""What clients get: plain HTTP, the OpenAI SDK and the Anthropic SDK against the real stack."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.e2e.conftest import MASTER_KEY, Stack, last_sampling, until

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOL: Any = {"type": "function", "function": {"name": "get_weather", "description": "Weather in a city", "parameters": CITY}}
ANTHROPIC_TOOL: Any = {"name": "get_weather", "description": "Weather in a city", "input_schema": CITY}
WEATHER: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
RECIPES = ("temperature=0.2", "top_p=0.9", "top_k=20", "repetition_penalty=1.0", "max_tokens=512")
GREEDY = {"temperature": 0}  # the Anthropic SDK has no argument for it any more
CAPITAL: Any = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def openai_client(stack: Stack) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{stack.url}/v1", api_key=MASTER_KEY, max_retries=0)


@pytest.fixture
def anthropic_client(stack: Stack) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=stack.url, auth_token=MASTER_KEY, api_key=None, max_retries=0)


@pytest.mark.parametrize("model", ["demo", "vllm_agent", "demo:instruct", "vllm_agent:instruct"])
def test_the_models_name_and_vllm_agent_both_answer(stack: Stack, model: str) -> None:
    body = stack.chat("What is the capital of France?", model=model, temperature=0).raise_for_status().json()

    assert "Paris" in body["choices"][0]["message"]["content"]
    assert body["model"] == model


def test_models_are_listed(openai_client: openai.OpenAI) -> None:
    names = ["demo", "demo:instruct", "vllm_agent", "vllm_agent:instruct"]
    assert sorted(model.id for model in openai_client.models.list()) == names


def test_openai_sdk_answers_and_shows_reasoning_apart(openai_client: openai.OpenAI) -> None:
    message = openai_client.chat.completions.create(model="vllm_agent", messages=CAPITAL, temperature=0).choices[0].message

    assert "Paris" in (message.content or "")
    assert "<think>" not in (message.content or "")
    assert message.model_extra and message.model_extra.get("reasoning_content")


def test_openai_sdk_streams_the_same_text_as_without_streaming(openai_client: openai.OpenAI) -> None:
    whole = openai_client.chat.completions.create(model="vllm_agent", messages=CAPITAL, temperature=0)
    chunks = list(
        openai_client.chat.completions.create(
            model="vllm_agent", messages=CAPITAL, temperature=0, stream=True, stream_options={"include_usage": True}
        )
    )

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len(chunks) > 3
    assert chunks[-1].usage and whole.usage and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_openai_sdk_gets_a_tool_call_and_answers_after_its_result(openai_client: openai.OpenAI) -> None:
    first = openai_client.chat.completions.create(model="vllm_agent", messages=WEATHER, tools=[OPENAI_TOOL], temperature=0).choices[0]
    assert first.finish_reason == "tool_calls"
    assert first.message.tool_calls
    call: Any = first.message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})

    history: Any = [
        *WEATHER,
        {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "18 degrees, sunny"},
    ]
    second = openai_client.chat.completions.create(model="vllm_agent", messages=history, tools=[OPENAI_TOOL], temperature=0).choices[0]
    assert second.finish_reason == "stop"
    assert "18" in (second.message.content or "")


def test_openai_sdk_streams_a_tool_call(openai_client: openai.OpenAI) -> None:
    chunks = openai_client.chat.completions.create(model="vllm_agent", messages=WEATHER, tools=[OPENAI_TOOL], temperature=0, stream=True)
    deltas = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]

    assert [delta.function.name for delta in deltas if delta.function and delta.function.name] == ["get_weather"]
    arguments = "".join(delta.function.arguments or "" for delta in deltas if delta.function)
    assert json.loads(arguments) == {"city": "Paris"}


def test_anthropic_sdk_answers(anthropic_client: anthropic.Anthropic) -> None:
    message = anthropic_client.messages.create(model="vllm_agent", max_tokens=200, messages=CAPITAL, extra_body=GREEDY)

    assert "Paris" in "".join(block.text for block in message.content if block.type == "text")
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0


def test_anthropic_sdk_streams(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(model="vllm_agent", max_tokens=200, messages=CAPITAL, extra_body=GREEDY) as stream:
        texts = list(stream.text_stream)
        final = stream.get_final_message()

    assert len(texts) > 1
    assert "Paris" in "".join(texts)
    assert final.stop_reason == "end_turn"


@pytest.mark.parametrize("streaming", [False, True])
def test_anthropic_sdk_gets_tool_use(anthropic_client: anthropic.Anthropic, streaming: bool) -> None:
    arguments: Any = {"model": "vllm_agent", "max_tokens": 200, "messages": WEATHER, "tools": [ANTHROPIC_TOOL], "extra_body": GREEDY}
    if streaming:
        with anthropic_client.messages.stream(**arguments) as stream:
            message = stream.get_final_message()
    else:
        message = anthropic_client.messages.create(**arguments)

    uses = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
    assert uses == [("get_weather", {"city": "Paris"})]
    assert message.stop_reason == "tool_use"


def test_a_client_that_says_nothing_gets_the_recipes_sampling_at_the_engine(stack: Stack) -> None:
    before = stack.log("engine")
    stack.chat("Hello").raise_for_status()

    sampling = last_sampling(stack, before)
    for part in RECIPES:
        assert part in sampling


def test_a_client_keeps_its_own_sampling(stack: Stack) -> None:
    before = stack.log("engine")
    own: dict[str, Any] = {"temperature": 0.5, "top_p": 0.8, "top_k": 7, "repetition_penalty": 1.3, "max_tokens": 9}
    stack.chat("Hello", **own).raise_for_status()

    sampling = last_sampling(stack, before)
    for name, value in own.items():
        assert f"{name}={value}" in sampling


def test_defaults_reach_the_engine_through_the_anthropic_protocol_too(stack: Stack, anthropic_client: anthropic.Anthropic) -> None:
    before = stack.log("engine")
    anthropic_client.messages.create(model="vllm_agent", max_tokens=11, messages=CAPITAL)

    sampling = last_sampling(stack, before)
    for part in ("temperature=0.2", "top_p=0.9", "top_k=20", "max_tokens=11"):
        assert part in sampling


def test_defaults_reach_the_engine_through_the_responses_protocol_too(stack: Stack, openai_client: openai.OpenAI) -> None:
    before = stack.log("engine")
    answer = openai_client.responses.create(model="vllm_agent", input="What is the capital of France?")

    sampling = last_sampling(stack, before)
    assert answer.output_text
    for part in RECIPES:
        assert part in sampling


INSTRUCT = "demo:instruct"


def test_a_profile_has_its_own_sampling_over_the_recipes_on_every_protocol(
    stack: Stack, openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
) -> None:
    asks: list[Callable[[], object]] = [
        lambda: stack.chat("Hello", model=INSTRUCT).raise_for_status(),
        lambda: anthropic_client.messages.create(model=INSTRUCT, max_tokens=512, messages=CAPITAL),
        lambda: openai_client.responses.create(model=INSTRUCT, input="Hello"),
    ]
    for ask in asks:
        before = stack.log("engine")
        ask()
        sampling = last_sampling(stack, before)
        for part in ("temperature=0.1", "top_k=5", "top_p=0.9", "repetition_penalty=1.0", "max_tokens=512"):
            assert part in sampling


def thoughts(client: openai.OpenAI, **arguments: Any) -> object:
    message = client.chat.completions.create(messages=CAPITAL, temperature=0, **arguments).choices[0].message
    return (message.model_extra or {}).get("reasoning_content")


def test_a_profile_turns_thinking_off_for_chat_completions_and_a_client_on_again(openai_client: openai.OpenAI) -> None:
    assert thoughts(openai_client, model="demo")
    assert not thoughts(openai_client, model=INSTRUCT)
    assert thoughts(openai_client, model=INSTRUCT, extra_body={"chat_template_kwargs": {"enable_thinking": True}})
    assert not thoughts(openai_client, model="demo", extra_body={"chat_template_kwargs": {"enable_thinking": False}})


@pytest.mark.parametrize("streaming", [False, True])
def test_a_profile_turns_thinking_off_for_messages(anthropic_client: anthropic.Anthropic, streaming: bool) -> None:
    def kinds(model: str) -> list[str]:
        arguments: Any = {"model": model, "max_tokens": 200, "messages": CAPITAL, "extra_body": GREEDY}
        if streaming:
            with anthropic_client.messages.stream(**arguments) as stream:
                return [block.type for block in stream.get_final_message().content]
        return [block.type for block in anthropic_client.messages.create(**arguments).content]

    assert kinds("demo") == ["thinking", "text"]
    assert kinds(INSTRUCT) == ["text"]


def test_a_profile_turns_thinking_off_for_responses(openai_client: openai.OpenAI) -> None:
    def kinds(model: str) -> list[str]:
        return [item.type for item in openai_client.responses.create(model=model, input="What is the capital of France?").output]

    assert kinds("demo") == ["reasoning", "message"]
    assert kinds(INSTRUCT) == ["message"]


def test_parameters_that_the_engine_does_not_know_are_dropped(stack: Stack) -> None:
    answer = stack.chat("Hello", flux_capacitor=1.21, service_tier="auto", metadata={"a": "b"}, temperature=0)

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_wrong_key_is_refused_with_401(stack: Stack, path: str) -> None:
    body = {"model": "vllm_agent", "max_tokens": 5, "messages": CAPITAL}
    with stack.client("sk-wrong") as client:
        assert client.post(path, json=body).status_code == 401


def test_an_unknown_model_is_a_404_that_names_the_known_ones(openai_client: openai.OpenAI) -> None:
    with pytest.raises(
        openai.NotFoundError,
        match=r"There is no model 'nope' here; this gateway serves: claude-\*, demo, demo:instruct, vllm_agent, vllm_agent:instruct\.",
    ):
        openai_client.chat.completions.create(model="nope", messages=CAPITAL)


def test_an_unknown_model_is_a_404_in_anthropics_shape(anthropic_client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="not_found_error"):
        anthropic_client.messages.create(model="nope", max_tokens=5, messages=CAPITAL)


def test_more_requests_than_max_parallel_requests_are_answered_429(stack: Stack) -> None:
    statuses: list[int] = []
    start = threading.Barrier(12)

    def ask() -> None:
        with stack.client() as client:
            start.wait()
            body = {"model": "demo", "messages": [{"role": "user", "content": "Tell me a story"}], "min_tokens": 400, "max_tokens": 400}
            statuses.append(client.post("/v1/chat/completions", json=body).status_code)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 4


def test_a_client_that_goes_away_frees_the_engine(stack: Stack) -> None:
    body = {"model": "vllm_agent", "messages": WEATHER, "stream": True, "min_tokens": 20000, "max_tokens": 20000}
    with stack.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as response:
        next(response.iter_lines())

    def running() -> bool:
        metrics = httpx.get(stack.part("engine")["address"] + "/metrics").text
        return re.search(r"^vllm:num_requests_running\{[^}]*\} 0\.0", metrics, re.MULTILINE) is not None

    until(running, 20, "no request running at the engine")
