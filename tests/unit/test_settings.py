"""The table of settings: sizes, kinds and ranges."""

from __future__ import annotations

import pytest

from slipway.settings import BY_NAME, BY_RECIPE_KEY, DEFINITIONS, Typed, is_engine_variable, parse_size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("4096", 4096),
        ("128K", 131072),
        ("128k", 131072),
        ("1M", 1048576),
        ("2g", 2147483648),
        (" 64K ", 65536),
    ],
)
def test_sizes_are_binary(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["12Q", "", "K", "1.5K", "-1", "128 K", "128KB", "1e3", "0x10", "12K4", "٣K", "9" * 5000])
def test_what_is_no_size_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_size(text)
    assert str(caught.value) == f"must be a size such as 4096, 128K or 1M, not {text!r}"


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("MODEL", " demo ", "demo"),
        ("RUNTIME", "local", "local"),
        ("STACK_NAME", "my-stack_2", "my-stack_2"),
        ("GATEWAY_PORT", "65535", 65535),
        ("GATEWAY_PORT", 1, 1),
        ("LITELLM_TEMPERATURE", "0", 0.0),
        ("LITELLM_TEMPERATURE", 1, 1.0),
        ("LITELLM_TOP_K", "-1", -1),
        ("LITELLM_MAX_TOKENS", "128K", 131072),
        ("LITELLM_MAX_TOKENS", 512, 512),
        ("LITELLM_PRESENCE_PENALTY", "-2", -2.0),
        ("GPU_MEMORY_UTILIZATION", "1", 1.0),
        ("LITELLM_MIN_P", "", None),
        ("LITELLM_TEMPERATURE", "  ", None),
    ],
)
def test_a_value_is_typed_by_its_kind(name: str, raw: object, value: Typed) -> None:
    parsed = BY_NAME[name].parse(raw)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("RUNTIME", "kubernetes", "must be one of auto, local, docker, not 'kubernetes'"),
        ("STACK_NAME", "../x", "must be letters, digits, '-' and '_', not '../x'"),
        ("GATEWAY_PORT", "4000x", "must be a port number, not '4000x'"),
        ("GATEWAY_PORT", "0", "must be between 1 and 65535, not 0"),
        ("GATEWAY_PORT", "65536", "must be between 1 and 65535, not 65536"),
        ("GATEWAY_PORT", "80.5", "must be a port number, not '80.5'"),
        ("LITELLM_TEMPERATURE", "hot", "must be a number, not 'hot'"),
        ("LITELLM_TEMPERATURE", "nan", "must be a number, not 'nan'"),
        ("LITELLM_TEMPERATURE", float("inf"), "must be a number, not 'inf'"),
        ("LITELLM_TEMPERATURE", "-0.1", "must be at least 0, not -0.1"),
        ("LITELLM_TEMPERATURE", True, "must be a number, not true"),
        ("LITELLM_TOP_P", "1.5", "must be between 0.001 and 1, not 1.5"),
        ("LITELLM_TOP_P", "0", "must be between 0.001 and 1, not 0"),
        ("LITELLM_MIN_P", "-0.5", "must be between 0 and 1, not -0.5"),
        ("LITELLM_TOP_K", "-2", "must be at least -1, not -2"),
        ("LITELLM_TOP_K", 1.5, "must be a whole number, not '1.5'"),
        ("LITELLM_REPETITION_PENALTY", "0", "must be at least 0.01, not 0"),
        ("LITELLM_PRESENCE_PENALTY", "2.1", "must be between -2 and 2, not 2.1"),
        ("LITELLM_MAX_TOKENS", "12Q", "must be a size such as 4096, 128K or 1M, not '12Q'"),
        ("LITELLM_MAX_TOKENS", "0", "must be at least 1, not 0"),
        ("GPU_MEMORY_UTILIZATION", "1.1", "must be between 0.01 and 1, not 1.1"),
        ("MAX_PARALLEL_REQUESTS", "0", "must be at least 1, not 0"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(name: str, raw: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        BY_NAME[name].parse(raw)
    assert str(caught.value) == message


def test_every_default_is_a_value_that_its_own_definition_accepts() -> None:
    assert [item.name for item in DEFINITIONS if item.default and item.parse(item.default) is None] == []


def test_names_and_recipe_keys_are_unique() -> None:
    assert len(BY_NAME) == len(DEFINITIONS)
    assert len(BY_RECIPE_KEY) == len([item for item in DEFINITIONS if item.recipe_key])


def test_only_what_has_a_meaning_when_empty_may_be_empty() -> None:
    assert [item.name for item in DEFINITIONS if item.may_be_empty] == [
        "VARIANT",
        "GPU",
        "GPUS",
        "GENERATED_CONFIG_DIR",
        "LITELLM_TEMPERATURE",
        "LITELLM_TOP_P",
        "LITELLM_TOP_K",
        "LITELLM_MIN_P",
        "LITELLM_REPETITION_PENALTY",
        "LITELLM_PRESENCE_PENALTY",
        "LITELLM_FREQUENCY_PENALTY",
        "LITELLM_MAX_TOKENS",
        "LITELLM_CHAT_TEMPLATE_KWARGS",
        "GATEWAY_WORKERS",
        "GPU_MEMORY_UTILIZATION",
    ]


def test_engine_variables_are_known_by_their_prefix() -> None:
    names = ["NCCL_DEBUG", "VLLM_X", "HF_HOME", "CUDA_VISIBLE_DEVICES", "TORCH_X", "RAY_X", "OMP_NUM_THREADS", "XVLLM_", "vllm_x"]
    assert [name for name in names if is_engine_variable(name)] == names[:6]
