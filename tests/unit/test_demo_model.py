"""The demo model's files: small, complete, and with a chat template that renders whatever a client may send."""

import json
from pathlib import Path
from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

MODEL = Path(__file__).parents[2] / "models" / "demo"
FILES = {
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}
LIMIT = 4 * 1024 * 1024  # bytes; the model travels in git
HINT = '{"name": "get_weather", "arguments": {"city": ...}}'
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
READ = {"type": "function", "function": {"name": "read_file", "description": "Read a file"}}
QUESTION = {"role": "user", "content": "What is the weather in Paris?"}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}],
}


def read_json(name: str) -> Any:
    return json.loads((MODEL / name).read_text(encoding="utf-8"))


def render(*messages: dict[str, Any], **variables: Any) -> str:
    """Render as transformers does: sandboxed, blocks trimmed, JSON with its letters as they are."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    template = environment.from_string((MODEL / "chat_template.jinja").read_text(encoding="utf-8"))
    return template.render(messages=list(messages), add_generation_prompt=True, **variables)


def test_the_model_is_complete_and_small_enough_for_git() -> None:
    files = {path.name: path.stat().st_size for path in MODEL.iterdir()}
    assert files.keys() == FILES
    assert sum(files.values()) <= LIMIT


def test_the_architecture_is_qwen3_with_a_window_in_every_layer() -> None:
    config = read_json("config.json")
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    assert config["max_position_embeddings"] == 32768
    assert config["use_sliding_window"] is True
    assert set(config["layer_types"]) == {"sliding_attention"}


def test_the_weights_are_bfloat16() -> None:
    with (MODEL / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__")
    assert {tensor["dtype"] for tensor in header.values()} == {"BF16"}


def test_generation_stops_at_the_end_of_a_turn_and_caps_nothing() -> None:
    tokens = {token["content"]: token["id"] for token in read_json("tokenizer.json")["added_tokens"]}
    generation = read_json("generation_config.json")
    assert generation["eos_token_id"] == [tokens["<|im_end|>"], tokens["<|endoftext|>"]]
    assert "max_tokens" not in generation
    assert "max_new_tokens" not in generation


def test_only_turn_markers_are_hidden_from_clients() -> None:
    special = {token["content"]: token["special"] for token in read_json("tokenizer.json")["added_tokens"]}
    assert special == {
        "<|endoftext|>": True,
        "<|im_start|>": True,
        "<|im_end|>": True,
        "<think>": False,
        "</think>": False,
        "<tool_call>": False,
        "</tool_call>": False,
        "<tool_response>": False,
        "</tool_response>": False,
    }


def test_every_byte_has_a_token() -> None:
    assert len([token for token in read_json("tokenizer.json")["model"]["vocab"] if len(token) == 1]) == 256


def test_a_plain_question_renders() -> None:
    assert render({"role": "user", "content": "Hello"}) == "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


def test_thinking_can_be_switched_off() -> None:
    assert render({"role": "user", "content": "Hello"}, enable_thinking=False) == (
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n<think></think>"
    )


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_system_message_comes_first(role: str) -> None:
    assert render({"role": "user", "content": "Hello"}, {"role": role, "content": "Be brief."}) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_content_may_be_a_list_of_parts() -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "image_url", "image_url": {"url": "data:,"}}, "lo"]
    assert render({"role": "user", "content": parts}) == render({"role": "user", "content": "Hello"})


def test_tools_are_listed_and_the_weather_tool_follows_the_question() -> None:
    system, user = render(QUESTION, tools=[READ, WEATHER]).split("<|im_end|>\n")[:2]
    assert f"<tools>\n{json.dumps(READ)}\n{json.dumps(WEATHER)}\n</tools>" in system
    assert user == f"<|im_start|>user\nWhat is the weather in Paris?\n{HINT}"


def test_tools_the_model_does_not_know_leave_the_question_alone() -> None:
    assert "<|im_start|>user\nWhat is the weather in Paris?<|im_end|>" in render(QUESTION, tools=[READ])


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        ({"properties": {"unit": {}, "location": {}}, "required": ["location"]}, "location"),
        ({"properties": {"town": {}, "unit": {}}}, "town"),
        ({}, "city"),
        (None, "city"),
    ],
)
def test_the_tool_line_names_the_first_required_argument(parameters: dict[str, Any] | None, key: str) -> None:
    tool = {"type": "function", "function": {"name": "forecast", "parameters": parameters}}
    assert f'\n{{"name": "forecast", "arguments": {{"{key}": ...}}}}<|im_end|>' in render(QUESTION, tools=[tool])


def test_a_tool_call_and_its_result_render_in_hermes_form() -> None:
    result = {"role": "tool", "content": "18 degrees, sunny"}
    rendered = render(QUESTION, CALL, result, result, tools=[WEATHER])
    assert rendered.split(HINT)[1] == (
        "<|im_end|>\n"
        "<|im_start|>assistant\n"
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\n18 degrees, sunny\n</tool_response>"
        "\n<tool_response>\n18 degrees, sunny\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_earlier_thoughts_are_left_out() -> None:
    answer = {
        "role": "assistant",
        "content": "<think>The user greets me.</think>Hi!",
        "reasoning": "A greeting.",
    }
    assert "<|im_start|>assistant\nHi!<|im_end|>\n" in render({"role": "user", "content": "Hello"}, answer, QUESTION)
