"""What agents need of the protocols: names, counts, lengths, images, tools and thoughts, through the real stack."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.e2e.conftest import MASTER_KEY, Stack, last_sampling
from tests.e2e.test_chat import ANTHROPIC_TOOL, CITY, OPENAI_TOOL

RESPONSES_TOOL: Any = {"type": "function", "name": "get_weather", "strict": False, "parameters": CITY}
HELLO: Any = [{"role": "user", "content": "Hello"}]
CONTEXT = 32768  # models/demo.yml
TOO_LONG: Any = [{"role": "user", "content": "word " * (CONTEXT + 1000)}]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def post(stack: Stack, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    with stack.client() as client:
        return client.post(path, json={"model": "vllm_agent", **body}, headers=headers)


@pytest.mark.parametrize(
    "name", ["opus", "sonnet", "haiku", "opus[1m]", "claude-opus-5-5", "claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929[1m]"]
)
def test_the_names_that_claude_code_sends_reach_the_loaded_model(stack: Stack, name: str) -> None:
    answer = post(stack, "/v1/messages?beta=true", {"model": name, "max_tokens": 20, "messages": HELLO})

    assert (answer.status_code, answer.json()["model"]) == (200, name)


def test_those_names_are_not_in_the_list_of_models(stack: Stack) -> None:
    with stack.client() as client:
        assert {model["id"].partition(":")[0] for model in client.get("/v1/models").json()["data"]} == {"demo", "vllm_agent"}


def test_tokens_are_counted_by_the_engine(stack: Stack) -> None:
    body = {
        "messages": HELLO,
        "tools": [ANTHROPIC_TOOL],
        "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
    }
    counted = post(stack, "/v1/messages/count_tokens?beta=true", {"model": "claude-opus-5-5", **body}).raise_for_status().json()
    answered = post(stack, "/v1/messages", {**body, "max_tokens": 5}).raise_for_status().json()

    # the two paths of the engine may print a tool's schema with other blanks
    assert abs(counted["input_tokens"] - answered["usage"]["input_tokens"]) <= 0.05 * answered["usage"]["input_tokens"]
    assert counted["litellm_count_source"] == "provider"


def test_plain_messages_are_counted_as_exactly_what_is_then_read(stack: Stack) -> None:
    counted = post(stack, "/v1/messages/count_tokens", {"messages": HELLO}).json()["input_tokens"]

    assert counted == post(stack, "/v1/messages", {"messages": HELLO, "max_tokens": 5}).json()["usage"]["input_tokens"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_beyond_the_context_is_anthropics_error_that_has_claude_code_compact(stack: Stack, stream: bool) -> None:
    answer = post(stack, "/v1/messages", {"max_tokens": 100, "messages": TOO_LONG, "stream": stream})

    assert answer.status_code == 400
    assert answer.json() == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": f"prompt is too long: {CONTEXT + 1} tokens > {CONTEXT} maximum"},
    }


@pytest.mark.parametrize(("path", "body"), [("/v1/chat/completions", {"messages": TOO_LONG}), ("/v1/responses", {"input": TOO_LONG})])
def test_a_prompt_beyond_the_context_is_openais_context_length_exceeded(stack: Stack, path: str, body: dict[str, Any]) -> None:
    answer = post(stack, path, body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_codex_learns_of_a_prompt_beyond_the_context_from_an_event(stack: Stack) -> None:
    answer = post(stack, "/v1/responses", {"input": TOO_LONG, "stream": True}, accept="text/event-stream")

    assert answer.text.startswith("event: response.failed\n")
    assert json.loads(answer.text.split("data: ")[1])["response"]["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"messages": HELLO, "max_tokens": 128000}),
        ("/v1/chat/completions", {"messages": HELLO, "max_tokens": 128000}),
        ("/v1/chat/completions", {"messages": HELLO, "max_completion_tokens": 128000}),
        ("/v1/responses", {"input": HELLO, "max_output_tokens": 128000}),
    ],
)
def test_a_longest_answer_beyond_what_is_left_is_lowered_to_it(stack: Stack, path: str, body: dict[str, Any]) -> None:
    before = stack.log("engine")
    answer = post(stack, path, body)

    assert answer.status_code == 200, answer.text
    usage = answer.json()["usage"]
    prompt = usage.get("prompt_tokens") or usage["input_tokens"]
    assert f"max_tokens={CONTEXT - prompt}," in last_sampling(stack, before)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/v1/messages",
            {
                "max_tokens": 9,
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]}
                ],
            },
        ),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]}]},
        ),
        ("/v1/responses", {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}]}]}),
    ],
)
def test_an_image_is_refused_in_words_that_help(stack: Stack, path: str, body: dict[str, Any]) -> None:
    answer = post(stack, path, body)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("This model reads text only: ")


def test_thinking_tools_results_and_cache_marks_go_round_twice(stack: Stack) -> None:
    """A turn as Claude Code replays it: thinking and two tool calls, their results, beta headers and query."""
    mark: Any = {"type": "ephemeral"}
    thinking: Any = {"type": "thinking", "thinking": "The user asks about weather.", "signature": ""}
    uses: Any = [{"type": "tool_use", "id": f"toolu_{city}", "name": "get_weather", "input": {"city": city}} for city in ("Paris", "Rome")]
    results: Any = [
        {"type": "tool_result", "tool_use_id": use["id"], "content": "18 degrees, sunny", "cache_control": mark} for use in uses
    ]
    asked: Any = {
        "model": "claude-opus-5-5",
        "max_tokens": 200,
        "system": [{"type": "text", "text": "Be kind.", "cache_control": mark}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "What is the weather in Paris and Rome?"}]},
            {"role": "assistant", "content": [thinking, *uses]},
            {"role": "user", "content": results},
        ],
        "tools": [ANTHROPIC_TOOL],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "betas": ["claude-code-20250219", "interleaved-thinking-2025-05-14"],
        "extra_body": {"temperature": 0},
    }
    client = anthropic.Anthropic(base_url=stack.url, auth_token=MASTER_KEY, api_key=None, max_retries=0)
    with client, client.beta.messages.stream(**asked) as stream:
        kinds = [event.type for event in stream if event.type.startswith(("message", "content_block"))]
        message = stream.get_final_message()

    assert message.stop_reason == "end_turn"
    assert "18" in "".join(block.text for block in message.content if block.type == "text")
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == len(message.content)
    assert message.usage.output_tokens > 0


# held to this, the toy calls twice in one answer; the parsers are those of every model
TWO_CALLS = "\\n".join(
    rf'<tool_call>\n\{{"name": "get_weather", "arguments": \{{"city": "{city}"\}}\}}\n</tool_call>' for city in ("Paris", "Rome")
)
PARALLEL: Any = {"temperature": 0, "structured_outputs": {"regex": TWO_CALLS}}
BOTH = [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]
ASK_BOTH: Any = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]


def test_two_tool_calls_of_one_answer_are_two_blocks_of_a_messages_stream(stack: Stack) -> None:
    asked: Any = {"model": "vllm_agent", "max_tokens": 200, "messages": ASK_BOTH, "tools": [ANTHROPIC_TOOL], "extra_body": PARALLEL}
    client = anthropic.Anthropic(base_url=stack.url, auth_token=MASTER_KEY, api_key=None, max_retries=0)
    with client, client.messages.stream(**asked) as stream:
        message = stream.get_final_message()

    assert [(block.name, block.input) for block in message.content if block.type == "tool_use"] == BOTH
    assert (message.stop_reason, len({block.id for block in message.content if block.type == "tool_use"})) == ("tool_use", 2)


def test_two_tool_calls_of_one_answer_have_two_places_in_a_chats_stream(stack: Stack) -> None:
    asked: Any = {"model": "vllm_agent", "messages": ASK_BOTH, "tools": [OPENAI_TOOL], "stream": True, "extra_body": PARALLEL}
    calls: dict[int, list[str]] = {}
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=MASTER_KEY, max_retries=0) as client:
        for chunk in client.chat.completions.create(**asked):
            for call in chunk.choices[0].delta.tool_calls or () if chunk.choices else ():
                name, arguments = calls.setdefault(call.index, ["", ""])
                calls[call.index] = [name + (call.function.name or ""), arguments + (call.function.arguments or "")]

    assert [(name, json.loads(arguments)) for name, arguments in calls.values()] == BOTH


def test_codexs_stream_has_the_function_call_and_takes_its_result(stack: Stack) -> None:
    client = openai.OpenAI(base_url=f"{stack.url}/v1", api_key=MASTER_KEY, max_retries=0)
    asked: Any = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is the weather in Paris?"}]}]
    more: Any = {
        "model": "vllm_agent",
        "tools": [RESPONSES_TOOL],
        "store": False,
        "temperature": 0,
        "include": ["reasoning.encrypted_content"],
    }

    with client, client.responses.stream(input=asked, **more) as stream:
        first = stream.get_final_response()
    [call] = [item for item in first.output if item.type == "function_call"]
    replayed: Any = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees, sunny"}
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=MASTER_KEY, max_retries=0) as again:
        second = again.responses.create(input=[*asked, *replayed, result], **more)

    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})
    assert "18" in second.output_text
