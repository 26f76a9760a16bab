"""`new`: a model's own files become a model file, from a folder, from Hugging Face's cache, and from a hub over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from slipway.authoring.draft import draft_text
from slipway.authoring.families import _BY_TEMPLATE, _BY_TYPE, find_parsers
from slipway.authoring.from_model import draft_from_model
from slipway.authoring.model_files import Files, Folder, Hub, find_files
from slipway.engines.schema import load_schema, shipped_versions
from slipway.errors import SlipwayError, UsageError
from slipway.recipe import parse_recipe
from slipway.secrets import Secret
from tests.unit.authoring.serving import Handler, serve

ROOT = Path(__file__).parents[3]

# the fields that count, as Qwen3.6-35B-A3B-FP8's files have them
QWEN: dict[str, Any] = {
    "config.json": {
        "architectures": ["Qwen3_5MoeForConditionalGeneration"],
        "model_type": "qwen3_5_moe",
        "text_config": {"model_type": "qwen3_5_moe_text", "max_position_embeddings": 262144, "num_hidden_layers": 40},
        "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    },
    "tokenizer_config.json": {"chat_template": "{% if enable_thinking %}<think>{% endif %}<tool_call><function=x>"},
    "generation_config.json": {"do_sample": True, "temperature": 1.0, "top_p": 0.95, "top_k": 20},
    "model.safetensors.index.json": {"metadata": {"total_size": 37_460_000_000}, "weight_map": {}},
}
QWEN_FILE = """\
# yaml-language-server: $schema=model.schema.json
description: qwen3.6-35b-a3b-fp8, Qwen3_5MoeForConditionalGeneration; written by `./runMe.sh new`, not tried
source:
  - HUB/Qwen/Qwen3.6-35B-A3B-FP8 (config.json, tokenizer_config.json, chat template, generation_config.json)
# Each comment says where a value comes from. What is marked as a guess wants a look at the model's card.
# The model's context is 262144 tokens (max_position_embeddings), which vLLM takes without --max-model-len. Where the
# cache of so long a request does not fit, `--max-model-len auto` takes what fits.
# The weights are quantized: fp8 (quantization_config).
requires:
  memory: 45GB  # a guess: the weights (model.safetensors.index.json) and a fifth on top
command: |
  vllm serve Qwen/Qwen3.6-35B-A3B-FP8 \\
    --enable-auto-tool-choice \\
    --tool-call-parser qwen3_coder  # a guess by the architecture, qwen3_5_moe
    --reasoning-parser qwen3  # a guess by the architecture, qwen3_5_moe
litellm:
  temperature: 1.0  # read from generation_config.json
  top_p: 0.95  # read from generation_config.json
  top_k: 20  # read from generation_config.json
  repetition_penalty: 1.0  # not in generation_config.json: changes nothing
  max_tokens: 65536  # a guess: a quarter of the context, 64K at most
profiles:
  instruct:  # read: the chat template knows enable_thinking
    chat_template_kwargs: {enable_thinking: false}
"""


class Repository(Handler):
    """The paths of huggingface.co, with one gated model, and one whose files lie on another host."""

    seen: list[tuple[str, str | None]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        model, _, file = self.path.removeprefix("/").partition("/resolve/main/")
        if model == "org/gated" and self.headers["Authorization"] != "Bearer hf_right":
            self.answer(401, b"")
        elif model == "org/moved":
            elsewhere = f"http://localhost:{self.headers['Host'].rpartition(':')[2]}"
            self.answer(302, Location=f"{elsewhere}/Qwen/Qwen3.6-35B-A3B-FP8/resolve/main/{file}")
        elif model in ("Qwen/Qwen3.6-35B-A3B-FP8", "org/gated") and file in QWEN:
            self.answer(200, json.dumps(QWEN[file]).encode())
        elif (model, file) == ("org/broken", "config.json"):
            self.answer(200, b'{"a": ')
        elif (model, file) == ("org/list", "config.json"):
            self.answer(200, b"[]")
        else:
            self.answer(404, b"")


@pytest.fixture
def hub() -> Iterator[str]:
    Repository.seen.clear()
    with serve(Repository) as address:
        yield address


def found(model: str, hub: str, tmp_path: Path, token: str = "") -> Files:
    return find_files(model, {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path)}, Secret(token) if token else None)


def write(folder: Path, files: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def text_of(folder: Path) -> str:
    text = draft_text(draft_from_model(str(folder), Folder("x", folder), ROOT))
    assert parse_recipe("m", "models/m.yml", text)[1] == []
    return text


def test_a_model_on_a_hub_becomes_a_model_file_that_check_accepts(hub: str, tmp_path: Path) -> None:
    model = "Qwen/Qwen3.6-35B-A3B-FP8"
    draft = draft_from_model(model, found(model, hub, tmp_path), ROOT)
    assert draft.name == "qwen3.6-35b-a3b-fp8"
    assert draft_text(draft) == QWEN_FILE.replace("HUB", hub)
    assert parse_recipe("m", "models/m.yml", draft_text(draft))[1] == []


def test_a_gated_model_needs_its_token(hub: str, tmp_path: Path) -> None:
    with pytest.raises(SlipwayError, match="answers 401 Unauthorized") as caught:
        draft_from_model("org/gated", found("org/gated", hub, tmp_path), ROOT)
    assert "secrets/HF_TOKEN" in caught.value.hint
    assert draft_from_model("org/gated", found("org/gated", hub, tmp_path, "hf_right"), ROOT).requires == {"memory": "45GB"}


def test_the_token_is_not_sent_on_to_where_a_file_really_lies(hub: str, tmp_path: Path) -> None:
    draft_from_model("org/moved", found("org/moved", hub, tmp_path, "hf_right"), ROOT)
    tokens = {path.partition("/resolve")[0]: token for path, token in Repository.seen}
    assert tokens == {"/org/moved": "Bearer hf_right", "/Qwen/Qwen3.6-35B-A3B-FP8": None}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("org/nothing", "HUB/org/nothing has no config.json"),
        ("org/broken", "HUB/org/broken: config.json is not valid JSON: Expecting value: line 1 column 7 (char 6)"),
        ("org/list", "HUB/org/list: config.json holds no JSON object"),
    ],
)
def test_a_repository_that_cannot_be_read_is_said_to_be(hub: str, tmp_path: Path, model: str, message: str) -> None:
    with pytest.raises(SlipwayError) as caught:
        draft_from_model(model, found(model, hub, tmp_path), ROOT)
    assert caught.value.message == message.replace("HUB", hub)


def test_what_is_neither_a_folder_nor_an_id_is_refused() -> None:
    with pytest.raises(UsageError, match="'nope' is neither a folder nor an id on the hub"):
        find_files("nope", {}, None)
    assert find_files("a/b", {"HF_HOME": "/nowhere"}, None) == Hub("https://huggingface.co", "a/b")


def test_the_newest_snapshot_in_the_cache_comes_before_the_hub(tmp_path: Path) -> None:
    folder = write(tmp_path / "hub/models--a--b/snapshots/123", QWEN)
    files = find_files("a/b", {"HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:1"}, None)
    assert files == Folder(str(folder), folder)
    assert draft_from_model("a/b", files, ROOT).model == "a/b"


def test_the_demo_model_s_folder_is_named_from_the_checkout() -> None:
    text = draft_text(draft_from_model(str(ROOT / "models/demo"), Folder("x", ROOT / "models/demo"), ROOT))
    assert "  vllm serve ./models/demo \\\n" in text
    assert "    --tool-call-parser hermes  # a guess by <tool_call> in the chat template\n" in text
    assert parse_recipe("m", "models/m.yml", text)[1] == []


def test_a_model_that_tells_nothing_but_its_architecture_is_a_file_too(tmp_path: Path) -> None:
    text = text_of(write(tmp_path / "m", {"config.json": {"architectures": ["XForCausalLM"], "model_type": "x"}}))
    assert "--tool-call-parser" not in text
    assert "# No parser for tool calls or thoughts: neither x nor the template tells.\n" in text
    assert "  - x (config.json, no tokenizer_config.json, no chat template, no generation_config.json)\n" in text
    assert "  temperature: 1.0  # not in generation_config.json: changes nothing\n" in text


def test_a_cap_in_generation_config_is_turned_off(tmp_path: Path) -> None:
    text = text_of(write(tmp_path / "m", {"config.json": {}, "generation_config.json": {"max_new_tokens": 256}}))
    assert "--generation-config vllm  # generation_config.json has max_new_tokens, which would cap every answer\n" in text


def test_code_of_the_repository_is_never_run_unasked(tmp_path: Path) -> None:
    text = text_of(write(tmp_path / "m", {"config.json": {"auto_map": {"AutoConfig": "x.Y"}}}))
    assert "--trust-remote-code, which runs that code on your machine." in text
    assert "serve" in text and "--trust-remote-code \\" not in text


@pytest.mark.parametrize(
    "files",
    [
        {"config.json": {"architectures": "X", "model_type": 5, "max_position_embeddings": "many", "quantization_config": []}},
        {"config.json": {"text_config": [], "max_position_embeddings": -1, "model_type": None, "architectures": []}},
        {"config.json": {}, "generation_config.json": {"temperature": "hot", "top_p": 7, "top_k": True, "repetition_penalty": -1}},
        {"config.json": {}, "tokenizer_config.json": {"chat_template": [{"name": "tool_use", "template": "[TOOL_CALLS]"}, 3]}},
        {"config.json": {}, "model.safetensors.index.json": {"metadata": [], "weight_map": {}}},
        {"config.json": {"quantization_config": {"quant_method": "a\nb\u0007: #'\""}}},
    ],
)
def test_values_of_other_types_than_usual_still_make_a_file_that_check_accepts(tmp_path: Path, files: Mapping[str, Any]) -> None:
    assert text_of(write(tmp_path / "m", files))


@pytest.mark.parametrize(
    ("model_type", "template", "tools", "reasoning"),
    [
        ("glm4_moe", "<tool_call>{name}<arg_key> <think>", "glm47", "glm45"),
        ("glm4_moe_lite", "", "glm47", "glm45"),
        ("qwen3", "<think><tool_call>", "hermes", "qwen3"),
        ("qwen3_next", "<tool_call><function=", "qwen3_coder", ""),
        ("qwen3_5_text", "", "qwen3_coder", "qwen3"),
        ("llama", "<|python_tag|>", "llama3_json", ""),
        ("mistral3", "[TOOL_CALLS]", "mistral", ""),
        ("deepseek_v3", "<｜tool▁calls▁begin｜>", "deepseek_v3", "deepseek_r1"),
        ("other", "<think>", "", "deepseek_r1"),
        ("other", "plain", "", ""),
    ],
)
def test_parsers_come_from_the_architecture_and_else_from_the_template(model_type: str, template: str, tools: str, reasoning: str) -> None:
    parsers = find_parsers(model_type, template)
    assert (parsers.tools, parsers.reasoning) == (tools, reasoning)


def test_every_parser_that_is_proposed_exists_in_the_engine() -> None:
    names = load_schema(shipped_versions()[-1]).names
    proposed = [*_BY_TYPE.values(), *(parsers for _, parsers in _BY_TEMPLATE)]
    assert {parsers.tools for parsers in proposed} - {""} <= set(names["--tool-call-parser"])
    assert {parsers.reasoning for parsers in proposed} - {""} <= set(names["--reasoning-parser"])
