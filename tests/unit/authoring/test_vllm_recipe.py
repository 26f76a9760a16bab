"""Recipes of the vLLM recipes collection become model files, and what a model file cannot say is named with its line."""

from __future__ import annotations

import pytest

from slipway.authoring.draft import draft_text
from slipway.authoring.foreign import Dropped
from slipway.authoring.recipes import draft_from_recipe
from slipway.errors import ConfigError
from slipway.recipe import parse_recipe

# the collection's structure, with every kind of value that its files have
RECIPE = """\
meta:
  title: "Tern-30B-A3B"
  slug: "tern-30b-a3b"
  provider: "Harbour"
  description: "Mixture of experts (30B total, 3B active) for coding"
  date_added: 2026-04-22
  difficulty: beginner
  tasks: [text]
  related_recipes: []
  hardware:
    h200: verified
    dgx_spark_gb10: verified

model:
  model_id: "harbour/Tern-30B-A3B"
  min_vllm_version: "0.17.0"
  docker_image: "vllm/vllm-openai:tern"
  architecture: moe
  parameter_count: "30B"
  context_length: 262144
  base_args:
    - "--trust-remote-code"
    - "--generation-config"
    - vllm
  base_env:
    VLLM_USE_DEEP_GEMM: 1

dependencies:
  - note: "Needed for the tokenizer"
    command: "uv pip install -U 'tern-tokenizer[fast]>=1.2'"
  - command: "uv pip install git+https://example.org/tern.git"

features:
  tool_calling:
    description: "Tool calls"
    args:
      - "--enable-auto-tool-choice"
      - "--tool-call-parser"
      - "qwen3_coder"
      - "--chat-template"
      - "examples/tool_chat_template_tern.jinja"
  spec_decoding:
    description: "Draft head"
    args:
      - "--speculative-config"
      - '{"method": "mtp", "num_speculative_tokens": 3}'

opt_in_features:
  - spec_decoding

variants:
  default:
    precision: bf16
    vram_minimum_gb: 72
    description: "Full precision"
    hardware_overrides:
      rtx_pro_6000:
        extra_args: ["--max-num-seqs", "8"]
  fp8:
    model_id: "harbour/Tern-30B-A3B-FP8"
    precision: fp8
    vram_minimum_gb: 36
    tp: 2
    extra_args: ["--kv-cache-dtype fp8"]
    hardware_overrides:
      dgx_spark_gb10:
        extra_env:
          VLLM_USE_DEEP_GEMM: "0"
      mi300x:
        extra_args: ["--x"]
  nvfp4:
    model_id: "nvidia/Tern-30B-A3B-NVFP4"
    precision: nvfp4
    vram_minimum_gb: 20
    min_vllm_version: "0.24.0"
    supported_hardware: [b200, rtx_5090]

compatible_strategies:
  - single_node_tp

hardware_overrides:
  blackwell:
    extra_args: []
    extra_env:
      VLLM_TERN: "1"
  amd:
    extra_env:
      VLLM_ROCM_USE_AITER: "1"

strategy_overrides:
  single_node_tp:
    tp: 1

guide: |
  ## Overview
"""

MODEL_FILE = """\
# yaml-language-server: $schema=model.schema.json
description: Mixture of experts (30B total, 3B active) for coding
source:
  - tern.yaml (imported by `./runMe.sh import`; nothing in it has been tried here)
# The recipe states a context of 262144 tokens; vLLM takes the model's own without --max-model-len.
# Left out, as in the recipe: spec_decoding (Draft head): --speculative-config '{"method": "mtp",
# "num_speculative_tokens": 3}'
# The command is the recipe's default variant, bf16: Full precision.
# The recipe gives no sampling values: those of vars.env hold. See the model's card for a litellm: section.
requires:
  vllm: '>=0.17.0'
  memory: 72GB
command: |
  vllm serve harbour/Tern-30B-A3B \\
    --trust-remote-code \\
    --generation-config vllm \\
    --enable-auto-tool-choice \\
    --tool-call-parser qwen3_coder \\
    --tensor-parallel-size 1
env:
  VLLM_USE_DEEP_GEMM: '1'
variants:
  fp8:
    model: harbour/Tern-30B-A3B-FP8
    flags: |
      --kv-cache-dtype fp8
      --tensor-parallel-size 2
    requires:
      memory: 36GB
    hardware:
      gb10:
        env:
          VLLM_USE_DEEP_GEMM: '0'
  nvfp4:
    model: nvidia/Tern-30B-A3B-NVFP4
    requires:
      memory: 20GB
      vllm: '>=0.24.0'
      capability: 10.0
hardware:
  blackwell:
    env:
      VLLM_TERN: '1'
image: vllm/vllm-openai:tern
extra_packages: ['tern-tokenizer[fast]>=1.2']
"""

READERS, PARALLEL = "for readers", "Slipway runs one engine on one machine; parallelism is flags"
UNKNOWN_GPU = "no single kind of NVIDIA GPU that Slipway knows by a name"
DROPPED = (
    *(Dropped(line, f"meta.{key}", READERS) for line, key in ((3, "slug"), (4, "provider"), (6, "date_added"), (7, "difficulty"))),
    *(Dropped(line, f"meta.{key}", READERS) for line, key in ((8, "tasks"), (10, "hardware"))),
    Dropped(18, "model.architecture", READERS),
    Dropped(19, "model.parameter_count", READERS),
    Dropped(31, "dependencies[1]", "more than plain packages for NVIDIA's image: `extra_packages:` cannot say it"),
    Dropped(36, "features.tool_calling.args", "--chat-template examples/tool_chat_template_tern.jinja: that file is no part of the recipe"),
    Dropped(42, "features.spec_decoding", "an option that the recipe leaves off; it stands in a comment"),
    Dropped(56, "variants.default.hardware_overrides", "for the default variant only; `hardware:` would hold for every variant"),
    Dropped(69, "variants.fp8.hardware_overrides.mi300x", UNKNOWN_GPU),
    Dropped(78, "compatible_strategies", PARALLEL),
    Dropped(86, "hardware_overrides.amd", UNKNOWN_GPU),
    Dropped(94, "guide", "a text for readers; look there for sampling values"),
)


def test_a_recipe_becomes_a_model_file_that_check_accepts() -> None:
    draft, dropped = draft_from_recipe("tern.yaml", RECIPE)
    assert (draft.name, draft_text(draft)) == ("tern-30b-a3b", MODEL_FILE)
    assert dropped == DROPPED
    assert parse_recipe("m", "models/m.yml", MODEL_FILE)[1] == []


@pytest.mark.parametrize(
    ("given", "image", "dropped"),
    [
        ("vllm/vllm-openai:tern", "vllm/vllm-openai:tern", []),
        ("{nvidia: 'vllm/vllm-openai:tern', amd: 'vllm/vllm-openai-rocm:tern'}", "vllm/vllm-openai:tern", ["model.docker_image.amd"]),
        ("{nvidia: {cu130: 'vllm/vllm-openai:a', cu129: 'vllm/vllm-openai:b'}}", "vllm/vllm-openai:a", ["model.docker_image.nvidia.cu129"]),
        ("{amd: 'vllm/vllm-openai-rocm:tern'}", "", ["model.docker_image"]),
        ("vllm/vllm-openai:latest", "", ["model.docker_image"]),
        ("built-here", "", ["model.docker_image"]),
    ],
)
def test_the_image_for_nvidia_gpus_is_carried_over(given: str, image: str, dropped: list[str]) -> None:
    draft, left = draft_from_recipe("x.yaml", f"model: {{model_id: a/b, docker_image: {given}}}\n")
    assert (draft.image, [item.field for item in left]) == (image, dropped)


@pytest.mark.parametrize(
    "command", ["uv pip install 'vllm[audio]'", "pip install x", "uv pip install x; y", "uv pip install --pre x", "''"]
)
def test_a_step_that_is_no_plain_list_of_packages_is_named(command: str) -> None:
    draft, left = draft_from_recipe("x.yaml", f'model: {{model_id: a/b}}\ndependencies:\n- command: "{command}"\n')
    assert (draft.extra_packages, [(item.line, item.field) for item in left]) == ([], [(3, "dependencies[0]")])


def test_a_recipe_for_another_engine_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        draft_from_recipe("x.yaml", "model: {model_id: a/b}\nomni:\n  tasks: [t2i]\n")
    assert caught.value.message == "x.yaml:2: the recipe is for vLLM-Omni, which Slipway does not run"


def test_a_recipe_without_a_model_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        draft_from_recipe("x.yaml", "meta: {title: T}\nmodel: {min_vllm_version: '1'}\n")
    assert caught.value.message == "x.yaml:2: the recipe names no model (it needs model.model_id)"


def test_what_is_no_recipe_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        draft_from_recipe("x.yaml", "a: 1\n")
    assert caught.value.message == (
        "x.yaml:1: this is no recipe that Slipway can read (known are those of the vLLM recipes collection (meta, model, variants) "
        "and of sparkrun (model, runtime, defaults, command))"
    )


@pytest.mark.parametrize("text", ["", "- a\n", "a: [\n", "a: 1\na: 2\n"])
def test_a_file_that_is_no_mapping_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"x\.yaml:\d: "):
        draft_from_recipe("x.yaml", text)


@pytest.mark.parametrize(("version", "requires"), [("nightly", {}), ("0.19.1", {"vllm": ">=0.19.1"}), ("''", {})])
def test_a_version_that_is_none_is_not_required(version: str, requires: dict[str, object]) -> None:
    draft, _ = draft_from_recipe("x.yaml", f"model: {{model_id: a/b, min_vllm_version: {version}}}\n")
    assert draft.requires == requires


def test_values_of_other_types_than_usual_are_reported_and_never_a_crash() -> None:
    text = "model: {model_id: a/b, base_args: --x, base_env: [A]}\nfeatures: [x]\nvariants: {fp8: }\nhardware_overrides: {hopper: [1]}\n"
    draft, dropped = draft_from_recipe("x.yaml", text)
    assert (draft.flags, draft.env) == ([], {})
    fields = ["features", "hardware_overrides", "model.base_args", "model.base_env", "variants"]
    assert sorted(item.field for item in dropped) == fields
