"""Folding the layers: who wins, and what is remembered of the others."""

from __future__ import annotations

import pytest

from slipway.layers import Layer, Value, read_defaults, read_environ, read_overrides, read_vars
from slipway.resolve import Setting, Source, resolve_settings

MODEL_FILE = Layer("models/m.yml", {"LITELLM_TOP_P": Value(0.5, 9)})
LAYERS = (
    read_defaults(),
    read_vars("vars.env", "LITELLM_TOP_P=0.6\n", {}),
    read_vars("vars.local.env", "\nLITELLM_TOP_P=0.7\n", {}),
    MODEL_FILE,
    read_environ({"LITELLM_TOP_P": "0.8"}),
    read_overrides(["top_p=0.4"]),
)


@pytest.mark.parametrize(
    ("count", "value", "source"),
    [
        (1, 0.9, "built-in default"),
        (2, 0.6, "vars.env:1"),
        (3, 0.7, "vars.local.env:2"),
        (4, 0.5, "models/m.yml:9"),
        (5, 0.8, "environment"),
        (6, 0.4, "-o"),
    ],
)
def test_each_layer_beats_all_before_it(count: int, value: float, source: str) -> None:
    setting = resolve_settings(LAYERS[:count]).items["LITELLM_TOP_P"]
    assert (setting.value, str(setting.source)) == (value, source)


def test_command_line_beats_model_file_and_remembers_what_it_shadowed() -> None:
    assert resolve_settings(LAYERS).items["LITELLM_TOP_P"] == Setting(
        "LITELLM_TOP_P",
        0.4,
        Source("-o"),
        (
            (0.8, Source("environment")),
            (0.5, Source("models/m.yml", 9)),
            (0.7, Source("vars.local.env", 2)),
            (0.6, Source("vars.env", 1)),
            (0.9, Source("built-in default")),
        ),
    )


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (read_vars("vars.env", "\nGATEWAY_PORT=x\n", {}), "vars.env:2: GATEWAY_PORT must be a port number, not 'x'"),
        (
            read_vars("vars.env", "LITELLM_MAX_TOKENS=12Q\n", {}),
            "vars.env:1: LITELLM_MAX_TOKENS must be a size such as 4096, 128K or 1M, not '12Q'",
        ),
        (read_environ({"LITELLM_TOP_P": "2"}), "environment: LITELLM_TOP_P must be between 0.001 and 1, not 2"),
        (read_overrides(["top_p=2"]), "-o: top_p must be between 0.001 and 1, not 2"),
        (read_overrides(["--gpu-memory-utilization=7"]), "-o: --gpu-memory-utilization must be between 0.01 and 1, not 7"),
    ],
)
def test_a_wrong_value_is_a_problem_under_the_name_and_at_the_line_where_it_was_written(layer: Layer, message: str) -> None:
    settings = resolve_settings([read_defaults(), layer])
    assert [str(problem) for problem in settings.problems] == [message]


def test_a_wrong_value_leaves_the_weaker_one_in_force() -> None:
    settings = resolve_settings([read_defaults(), read_overrides(["GATEWAY_PORT=x"])])
    assert settings.integer("GATEWAY_PORT") == 4000


def test_an_empty_value_unsets_a_sampling_default() -> None:
    settings = resolve_settings([read_defaults(), read_vars("vars.env", "LITELLM_TOP_P=\n", {})])
    assert (settings.value("LITELLM_TOP_P"), settings.source("LITELLM_TOP_P")) == (None, Source("vars.env", 1))


@pytest.mark.parametrize("name", ["GATEWAY_PORT", "MODEL", "STACK_NAME", "RUNTIME", "MAX_PARALLEL_REQUESTS", "ENGINE_IMAGE"])
def test_an_empty_value_leaves_the_default_of_a_setting_that_nothing_runs_without(name: str) -> None:
    settings = resolve_settings([read_defaults(), read_vars("vars.env", f"{name}=\n", {})])
    assert settings.items[name] == resolve_settings([read_defaults()]).items[name]


def test_variables_and_flags_stay_text() -> None:
    settings = resolve_settings([Layer("-o", {"env.VLLM_X": Value("1"), "--max-model-len": Value("4096")})])
    assert {name: item.value for name, item in settings.starting_with("env.").items()} == {"env.VLLM_X": "1"}
    assert settings.text("--max-model-len") == "4096"
    assert (settings.text("MISSING"), settings.value("MISSING")) == ("", None)


def test_the_problems_of_all_layers_come_together() -> None:
    layers = [read_vars("vars.env", "what\n", {}), read_overrides(["nope"])]
    assert [str(problem) for problem in resolve_settings(layers).problems] == [
        "vars.env:1: not an assignment: 'what' (write NAME=value, or # in front of a comment)",
        "-o: 'nope' is not key=value",
    ]
