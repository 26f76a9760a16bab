"""Recipes of sparkrun, new and old, become model files, and what a model file cannot say is named with its line."""

from __future__ import annotations

import pytest

from slipway.authoring.draft import draft_text
from slipway.authoring.foreign import Dropped
from slipway.authoring.recipes import draft_from_recipe
from slipway.errors import ConfigError
from slipway.recipe import parse_recipe

RECIPE = """\
recipe_version: "2"
model: harbour/Tern-27B-FP8
model_revision: 017b9c7af6b5
runtime: vllm-distributed
container: ghcr.io/example/dgx-vllm:nightly
min_nodes: 2
max_nodes: 2

metadata:
  description: Tern 27B in FP8
  model_dtype: fp8

defaults:
  port: 8000
  host: 0.0.0.0
  tensor_parallel: 2
  max_model_len: auto
  served_model_name: tern
  enable_prefix_caching: true
  unused: 1

env:
  CUTE_DSL_ARCH: sm_121a
  VLLM_MARLIN_USE_ATOMIC_ADD: 1
  HF_TOKEN: hf_x
  HF_HOME: ${HOME}/hub

pre_exec:
  - "pip install x"

command: |
  vllm serve {model} \\
    --host {host} \\\x20
    --port {port} --served-model-name {served_model_name} \\
    --tensor-parallel-size {tensor_parallel} \\
    --max-model-len {max_model_len} \\
    --distributed-executor-backend ray \\
    --reasoning-parser-plugin tern_parser.py
"""

MODEL_FILE = """\
# yaml-language-server: $schema=model.schema.json
description: Tern 27B in FP8
source:
  - tern.yaml (imported by `./runMe.sh import`; nothing in it has been tried here)
aliases: [tern]
# The recipe gives no sampling values: those of vars.env hold. See the model's card for a litellm: section.
command: |
  vllm serve harbour/Tern-27B-FP8 \\
    --tensor-parallel-size 2 \\
    --max-model-len auto \\
    --revision 017b9c7af6b5
env:
  CUTE_DSL_ARCH: sm_121a
  VLLM_MARLIN_USE_ATOMIC_ADD: '1'
image: ghcr.io/example/dgx-vllm:nightly
"""

ONE_MACHINE = "Slipway runs one engine on one machine"
UNUSED = "neither the command uses it, nor sparkrun without one"
DROPPED = (
    Dropped(1, "recipe_version", "for readers"),
    Dropped(6, "min_nodes", ONE_MACHINE),
    Dropped(7, "max_nodes", ONE_MACHINE),
    Dropped(11, "metadata.model_dtype", "for readers"),
    Dropped(19, "defaults.enable_prefix_caching", UNUSED),
    Dropped(20, "defaults.unused", UNUSED),
    Dropped(25, "env.HF_TOKEN", "a secret: put it into secrets/HF_TOKEN"),
    Dropped(26, "env.HF_HOME", "a variable of the machine that sparkrun runs on"),
    Dropped(28, "pre_exec", "commands inside the container; Slipway runs vLLM as it is"),
    Dropped(33, "--host", "Slipway sets it"),
    Dropped(34, "--port", "Slipway sets it: ENGINE_PORT"),
    Dropped(34, "--served-model-name", "Slipway sets it: the file's name and its aliases"),
    Dropped(37, "--distributed-executor-backend", ONE_MACHINE),
    Dropped(38, "--reasoning-parser-plugin", "the file tern_parser.py is no part of the recipe"),
)


def test_a_recipe_with_a_command_becomes_a_model_file_that_check_accepts() -> None:
    draft, dropped = draft_from_recipe("tern.yaml", RECIPE)
    assert (draft.name, draft_text(draft)) == ("tern-27b-fp8", MODEL_FILE)
    assert dropped == DROPPED
    assert parse_recipe("m", "models/m.yml", MODEL_FILE)[1] == []


def test_a_recipe_without_a_command_is_what_sparkrun_makes_of_its_defaults() -> None:
    text = (
        "model: a/b\nruntime: vllm\ndefaults:\n  port: 1\n  tensor_parallel: 2\n  trust_remote_code: true\n"
        "  enforce_eager: false\n  tool_call_parser: hermes\n"
    )
    draft, dropped = draft_from_recipe("x.yaml", text)
    assert [flag.tokens for flag in draft.flags] == [("--tensor-parallel-size", "2"), ("--trust-remote-code",)]
    assert [(item.line, item.field) for item in dropped] == [(4, "defaults.port"), (8, "defaults.tool_call_parser")]


def test_an_old_recipe_takes_its_name_and_loses_its_patches() -> None:
    text = (
        'recipe_version: "1"\nname: Tern-NVFP4\ndescription: Tern on one node\nmodel: a/Tern\ncontainer: vllm-node\nsolo_only: true\n'
        "build_args: [--tf5]\nmods:\n- mods/fix-tern\nenv:\ncommand: vllm serve a/Tern --x\n"
    )
    draft, dropped = draft_from_recipe("x.yaml", text)
    assert (draft.name, draft.description) == ("tern-nvfp4", "Tern on one node")
    assert [(item.line, item.field) for item in dropped] == [(1, "recipe_version"), (5, "container"), (7, "build_args"), (8, "mods")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: a/b\nruntime: sglang\ndefaults: {}\n", "x.yaml:2: the recipe is for sglang, and Slipway serves with vLLM"),
        (
            "model: a/b\ncommand: |\n  sglang serve a/b\n",
            "x.yaml:3: the command is not one `vllm serve MODEL` (it must start with `vllm serve`)",
        ),
        (
            "model: a/b\ncommand: |\n  vllm serve a/b \\\n    --x {y}\n",
            "x.yaml:4: {y} in the command has no value among the defaults",
        ),
        ("runtime: vllm\ndefaults: {}\n", "x.yaml:1: the recipe names no model"),
    ],
)
def test_a_recipe_that_slipway_cannot_run_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        draft_from_recipe("x.yaml", text)
    assert caught.value.message == message


def test_values_of_other_types_than_usual_are_reported_and_never_a_crash() -> None:
    text = "model: a/b\ndefaults: [1]\nenv: {A: [1], B: }\nmetadata: x\ncommand: {a: 1}\n"
    draft, dropped = draft_from_recipe("x.yaml", text)
    assert (draft.flags, draft.env) == ([], {})
    assert sorted(item.field for item in dropped) == ["defaults", "env", "metadata"]
