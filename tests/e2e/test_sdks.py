"""OpenAI's and Anthropic's SDKs where test_chat.py does not use them: asynchronous, structured answers, many at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import anthropic
import openai
import pytest
from pydantic import BaseModel

from tests.e2e.conftest import MASTER_KEY, Stack
from tests.e2e.test_chat import ANTHROPIC_TOOL, CAPITAL, GREEDY, OPENAI_TOOL, WEATHER


class Place(BaseModel):
    city: Literal["Paris", "Rome"]
    warm: bool


# the toy knows no JSON: without a penalty it fills the place between two words with blanks, which JSON allows, for ever
STRUCTURED: Any = {"temperature": 0, "frequency_penalty": 2}


SCHEMA: Any = {**Place.model_json_schema(), "additionalProperties": False}
ASK: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


def with_openai(stack: Stack, ask: Callable[[openai.AsyncOpenAI], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=MASTER_KEY, max_retries=0) as client:
            return await ask(client)

    return asyncio.run(run())


def with_anthropic(stack: Stack, ask: Callable[[anthropic.AsyncAnthropic], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with anthropic.AsyncAnthropic(base_url=stack.url, auth_token=MASTER_KEY, api_key=None, max_retries=0) as client:
            return await ask(client)

    return asyncio.run(run())


def test_openais_asynchronous_client_streams_a_tool_call(stack: Stack) -> None:
    async def ask(client: openai.AsyncOpenAI) -> tuple[str, Any]:
        stream = await client.chat.completions.create(model="vllm_agent", messages=WEATHER, tools=[OPENAI_TOOL], temperature=0, stream=True)
        deltas = [call async for chunk in stream for choice in chunk.choices for call in choice.delta.tool_calls or ()]
        names = "".join(delta.function.name or "" for delta in deltas if delta.function)
        return names, json.loads("".join(delta.function.arguments or "" for delta in deltas if delta.function))

    assert with_openai(stack, ask) == ("get_weather", {"city": "Paris"})


def test_openais_asynchronous_client_asks_several_times_at_once(stack: Stack) -> None:
    async def ask(client: openai.AsyncOpenAI) -> list[str]:
        async def one() -> str:
            answer = await client.chat.completions.create(model="vllm_agent", messages=CAPITAL, temperature=0)
            return answer.choices[0].message.content or ""

        return await asyncio.gather(*(one() for _ in range(3)))

    assert ["Paris" in text for text in with_openai(stack, ask)] == [True] * 3


def test_openais_responses_stream_asynchronously(stack: Stack) -> None:
    async def ask(client: openai.AsyncOpenAI) -> tuple[str, str]:
        async with client.responses.stream(model="vllm_agent", input="What is the capital of France?", temperature=0) as stream:
            texts = [event.delta async for event in stream if event.type == "response.output_text.delta"]
            return "".join(texts), (await stream.get_final_response()).output_text

    streamed, whole = with_openai(stack, ask)
    assert "Paris" in streamed and streamed == whole


def test_openais_parse_gives_an_object_of_the_schema(stack: Stack) -> None:
    async def ask(client: openai.AsyncOpenAI) -> Any:
        answer = await client.chat.completions.parse(model="vllm_agent", messages=ASK, response_format=Place, max_tokens=200, **STRUCTURED)
        return answer.choices[0].message.parsed

    assert isinstance(with_openai(stack, ask), Place)


def test_anthropics_asynchronous_client_streams_tool_use(stack: Stack) -> None:
    async def ask(client: anthropic.AsyncAnthropic) -> tuple[Any, list[Any]]:
        arguments: Any = {"model": "vllm_agent", "max_tokens": 200, "messages": WEATHER, "tools": [ANTHROPIC_TOOL], "extra_body": GREEDY}
        async with client.messages.stream(**arguments) as stream:
            final = await stream.get_final_message()
        return final.stop_reason, [(block.name, block.input) for block in final.content if block.type == "tool_use"]

    assert with_anthropic(stack, ask) == ("tool_use", [("get_weather", {"city": "Paris"})])


def test_anthropics_structured_answer_is_of_the_schema(stack: Stack) -> None:
    async def ask(client: anthropic.AsyncAnthropic) -> str:
        wanted: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
        answer = await client.messages.create(model="vllm_agent", max_tokens=200, messages=ASK, output_config=wanted, extra_body=STRUCTURED)
        return "".join(block.text for block in answer.content if block.type == "text")

    Place.model_validate_json(with_anthropic(stack, ask))


def test_anthropics_client_counts_tokens(stack: Stack) -> None:
    async def ask(client: anthropic.AsyncAnthropic) -> tuple[int, int]:
        counted = await client.messages.count_tokens(model="claude-opus-5-5", messages=CAPITAL)
        answered = await client.messages.create(model="claude-opus-5-5", max_tokens=5, messages=CAPITAL)
        return counted.input_tokens, answered.usage.input_tokens

    counted, read = with_anthropic(stack, ask)
    assert counted == read > 0


@pytest.mark.parametrize("path", ["chat", "messages"])
def test_an_error_is_the_sdks_own_for_a_prompt_that_is_too_long(stack: Stack, path: str) -> None:
    text: Any = [{"role": "user", "content": "word " * 40000}]

    async def chat(client: openai.AsyncOpenAI) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="vllm_agent", messages=text)
        assert caught.value.code == "context_length_exceeded"

    async def messages(client: anthropic.AsyncAnthropic) -> None:
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 32769 tokens > 32768 maximum"):
            await client.messages.create(model="vllm_agent", max_tokens=5, messages=text)

    if path == "chat":
        with_openai(stack, chat)
    else:
        with_anthropic(stack, messages)
