"""explain: every effective value with its origin, what it shadowed, and nothing that looks like a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from slipway.errors import UsageError
from slipway.explain import Entry, Surroundings, compare, explain, select
from slipway.plan import Argument
from slipway.resolve import Source
from tests.unit.building import HARDWARE, configure, configure_plan

MODEL = """\
description: A model
aliases: [small]
command: |
  vllm serve ./models/m \\
    --max-model-len 8k --enforce-eager
env:
  MY_API_KEY: abc
  PROXY: http://me:secret@proxy:1
litellm:
  temperature: 0.2
profiles:
  code:
    temperature: 0.1
"""
CONFIG = "litellm_settings:\n  drop_params: true\n  # not worth a retry\n  num_retries: 0\n"
TEMPLATE = f"model_list: []\n{CONFIG}"
AROUND = Surroundings(
    runtime="local",
    engine_version="0.32.0",
    version_source="requirements/engine-cpu.txt",
    config=CONFIG,
    template=TEMPLATE,
    template_path="templates/t.yaml",
    gateway_env={"LITELLM_LOG": "WARNING"},
    engine_image="",
    configured={},
    secrets={"HF_TOKEN": "secrets/HF_TOKEN"},
)


def explained(text: str = MODEL, around: Surroundings = AROUND, **more: Any) -> tuple[Entry, ...]:
    overrides = ["MODEL=m", *more.pop("overrides", ())]
    configuration = configure(text, overrides=overrides, **more)
    return explain(configure_plan(text, overrides=overrides, **more), configuration, HARDWARE, around)


def of(entries: Sequence[Entry], group: str, key: str) -> Entry:
    (entry,) = [entry for entry in entries if (entry.group, entry.key) == (group, key)]
    return entry


def test_the_head_says_what_runs() -> None:
    assert [(entry.key, entry.value, entry.source, entry.why) for entry in explained() if entry.group == "model"] == [
        ("model", "m", "command line", "models/m.yml"),
        ("variant", "base", "Slipway", "the command as it stands"),
        ("hardware", "cpu", "this machine", ""),
        ("vLLM", "0.32.0", "requirements/engine-cpu.txt", ""),
    ]


def test_every_flag_has_its_line_or_the_reason_why_slipway_added_it() -> None:
    found = [(entry.key, entry.value, entry.source, entry.why) for entry in explained() if entry.group == "engine command"]
    assert found == [
        ("model", "/slipway/models/m", "models/m.yml:4", ""),
        ("--max-model-len", "8k", "models/m.yml:5", ""),
        ("--enforce-eager", "on", "models/m.yml:5", ""),
        ("--gpu-memory-utilization", "0.75", "built-in default", "from GPU_MEMORY_UTILIZATION"),
        ("--host", "127.0.0.1", "Slipway", "the address where gateway and health checks look for the engine"),
        ("--port", "8000", "built-in default", "from ENGINE_PORT"),
        (
            "--served-model-name",
            "m small vllm_agent m:code small:code vllm_agent:code",
            "Slipway",
            "the names of the gateway's routes to it",
        ),
    ]


def test_a_value_from_the_environment_names_its_variable_and_what_lost_to_it() -> None:
    entry = of(explained(environ={"LITELLM_TEMPERATURE": "0.5"}, vars_env="LITELLM_TEMPERATURE=0.6\n"), "routes", "temperature")
    assert (entry.value, entry.source) == ("0.5", "environment LITELLM_TEMPERATURE")
    assert entry.shadowed == (("0.2", "models/m.yml:10"), ("0.6", "vars.env:1"), ("0.7", "built-in default"))


def test_an_override_shadows_the_model_file_s_flag() -> None:
    entry = of(explained(overrides=["--max-model-len=4k"]), "engine command", "--max-model-len")
    assert (entry.value, entry.source, entry.shadowed) == ("4k", "-o", (("8k", "models/m.yml:5"),))


VARIANTS = """\
command: |
  vllm serve a/b \\
    --max-model-len 8k --enforce-eager
env: {A: "1", B: "1"}
variants:
  fp8:
    model: a/b-FP8
    flags: --max-model-len 4k
    env: {A: "2"}
    remove: [--enforce-eager, B]
"""


def test_a_variant_shows_what_it_replaced_and_what_it_removed() -> None:
    entries = [entry for entry in explained(VARIANTS, overrides=["VARIANT=fp8"]) if entry.source.startswith("models/m.yml")]
    assert entries == [
        Entry("engine command", "model", "a/b-FP8", "models/m.yml:7", shadowed=(("a/b", "models/m.yml:2"),)),
        Entry("engine command", "--max-model-len", "4k", "models/m.yml:8", shadowed=(("8k", "models/m.yml:3"),)),
        Entry("engine command", "--enforce-eager", "(removed)", "models/m.yml:10", "by fp8", (("on", "models/m.yml:3"),)),
        Entry("engine environment", "A", "2", "models/m.yml:9", shadowed=(("1", "models/m.yml:4"),)),
        Entry("engine environment", "B", "(removed)", "models/m.yml:10", "by fp8", (("1", "models/m.yml:4"),)),
    ]


def test_what_a_variant_removed_and_a_stronger_layer_gives_again_lost_to_it() -> None:
    entries = explained(VARIANTS, overrides=["VARIANT=fp8", "--enforce-eager", "env.B=3"])
    assert of(entries, "engine command", "--enforce-eager").shadowed == (("on", "models/m.yml:3"),)
    assert (of(entries, "engine environment", "B").value, of(entries, "engine environment", "B").shadowed) == (
        "3",
        (("1", "models/m.yml:4"),),
    )


def test_what_a_config_file_says_is_shown_with_its_line_and_loses_to_the_command() -> None:
    said = [
        Argument("--seed", ("--seed", "7"), Source("a.yml", 1)),
        Argument("--max-model-len", ("--max-model-len", "2k"), Source("a.yml", 2)),
    ]
    entries = explained(around=replace(AROUND, configured={"engine": said}))
    assert of(entries, "engine command", "--seed") == Entry("engine command", "--seed", "7", "a.yml:1")
    assert of(entries, "engine command", "--max-model-len").shadowed == (("2k", "a.yml:2"),)


def test_each_image_says_whether_this_launch_uses_it() -> None:
    text = "image: own/vllm:1\nextra_packages: [x]\n" + MODEL
    docker = replace(AROUND, runtime="docker", engine_image="slipway-engine:123", secrets={"DATABASE_URL": "secrets/DATABASE_URL"})
    shown = [entry for entry in explained(text, docker, vars_env="ENGINE_IMAGE_CPU=x\n") if entry.group == "container images"]
    assert [(entry.key, entry.value, entry.source, entry.why) for entry in shown] == [
        ("ENGINE_IMAGE", "own/vllm:1", "models/m.yml:1", "not used: the device is cpu"),
        ("ENGINE_IMAGE_ROCM", "own/vllm:1", "models/m.yml:1", "not used: the device is cpu"),
        ("ENGINE_IMAGE_CPU", "own/vllm:1", "models/m.yml:1", ""),
        ("GATEWAY_IMAGE", "ghcr.io/berriai/litellm:v1.106.2", "built-in default", ""),
        ("DATABASE_IMAGE", "postgres:16", "built-in default", "not used: DATABASE_URL is set"),
        ("the engine's, built here", "slipway-engine:123", "models/m.yml:2", "ENGINE_IMAGE_CPU with extra_packages"),
    ]
    assert shown[2].shadowed[0] == ("x", "vars.env:1")
    assert {entry.why for entry in explained(text) if entry.group == "container images"} == {"for RUNTIME=docker"}


def test_a_setting_that_leaves_the_choice_says_what_was_chosen() -> None:
    entries = explained(vars_env="RUNTIME=auto\nGATEWAY_WORKERS=\n")
    assert of(entries, "where it runs", "RUNTIME").why == "here: local"
    assert of(entries, "the gateway", "GATEWAY_WORKERS").why == "here: 1"


def test_each_profile_is_a_group_of_routes() -> None:
    entries = explained()
    assert of(entries, "routes :code", "names").value == "m:code, small:code, vllm_agent:code"
    assert of(entries, "routes :code", "temperature").source == "models/m.yml:13"


def test_an_emptied_default_is_shown_as_emptied() -> None:
    entry = of(explained(overrides=["top_p="]), "routes", "top_p")
    assert (entry.value, entry.source, entry.why, entry.shadowed) == (
        "(none)",
        "-o",
        "emptied: left to the engine",
        (("0.9", "built-in default"),),
    )


def test_what_the_template_fixes_has_its_line_and_comment() -> None:
    entries = [entry for entry in explained() if entry.group == "gateway configuration"]
    assert entries == [
        Entry("gateway configuration", "litellm_settings.drop_params", "True", "templates/t.yaml:3"),
        Entry("gateway configuration", "litellm_settings.num_retries", "0", "templates/t.yaml:5", "not worth a retry"),
    ]


def test_secrets_are_never_shown() -> None:
    entries = explained(environ={"HF_TOKEN": "hf_hidden"})
    shown = repr(entries)
    assert "abc" not in shown and "me:secret" not in shown and "hf_hidden" not in shown
    assert of(entries, "engine environment", "MY_API_KEY").value == "****"
    assert of(entries, "engine environment", "PROXY").value == "http://****@proxy:1"
    assert (of(entries, "secrets", "HF_TOKEN").value, of(entries, "secrets", "HF_TOKEN").source) == ("****", "secrets/HF_TOKEN")
    assert of(entries, "secrets", "DATABASE_URL").value == "(none)"


def test_every_setting_is_shown_once() -> None:
    names = [entry.setting for entry in explained() if entry.setting and not entry.group.startswith("routes")]
    assert sorted(names) == sorted(set(names))
    assert {"GATEWAY_PORT", "ENGINE_PORT", "ENGINE_IMAGE", "GPU_MEMORY_UTILIZATION", "MAX_PARALLEL_REQUESTS"} <= set(names)


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("--max-model-len", [("engine command", "--max-model-len")]),
        ("max_model_len", [("engine command", "--max-model-len")]),
        ("MY_API_KEY", [("engine environment", "MY_API_KEY")]),
        ("env.MY_API_KEY", [("engine environment", "MY_API_KEY")]),
        ("temperature", [("routes", "temperature"), ("routes :code", "temperature")]),
        ("LITELLM_TEMPERATURE", [("routes", "temperature"), ("routes :code", "temperature")]),
        ("gpu_memory_utilization", [("engine command", "--gpu-memory-utilization")]),
        ("drop_params", [("gateway configuration", "litellm_settings.drop_params")]),
        ("gateway_port", [("the gateway", "GATEWAY_PORT")]),
    ],
)
def test_a_key_may_be_written_in_any_spelling(key: str, found: list[tuple[str, str]]) -> None:
    assert [(entry.group, entry.key) for entry in select(explained(), key, "0.32.0")] == found


def test_a_flag_that_is_not_given_has_the_engine_s_default() -> None:
    (entry,) = select(explained(), "-tp", "0.32.0")
    assert entry == Entry("engine command", "--tensor-parallel-size", "1", "default of vLLM 0.32.0", "not given; it takes a whole number")


def test_a_setting_without_a_value_is_explained_by_its_meaning() -> None:
    (entry,) = select(explained(), "min_p", "0.32.0")
    assert (entry.value, entry.source, entry.why) == (
        "(none)",
        "not set anywhere",
        "drop tokens less likely than this share of the likeliest one",
    )


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        select(explained(), "temprature", "0.32.0")
    assert (caught.value.message, caught.value.hint) == ("nothing is called 'temprature' here", "did you mean temperature?")


def test_two_sets_of_overrides_differ_in_what_they_change() -> None:
    found = compare(explained(), explained(overrides=["--max-model-len=4k", "--seed=1", "top_p="]))
    assert [(item.group, item.key, item.left and item.left.value, item.right and item.right.value) for item in found] == [
        ("engine command", "--max-model-len", "8k", "4k"),
        ("engine command", "--seed", None, "1"),
        ("routes", "top_p", "0.9", "(none)"),
        ("routes :code", "top_p", "0.9", None),
    ]


def test_a_model_does_not_differ_from_itself() -> None:
    assert compare(explained(), explained()) == ()


def test_flags_that_repeat_are_compared_one_by_one() -> None:
    base = MODEL.replace("--enforce-eager", "--middleware a --middleware b")
    found = compare(explained(base), explained(base.replace("--middleware b", "--middleware c")))
    assert [(item.key, item.left and item.left.value, item.right and item.right.value) for item in found] == [("--middleware", "b", "c")]
