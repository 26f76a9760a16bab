"""What the litellm section takes beyond the settings, and what becomes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from slipway import parameters
from slipway.engines.schema import load_schema, shipped_versions
from slipway.parameters import parameter_types, parse_parameter
from slipway.settings import BY_RECIPE_KEY
from tests.unit.building import configure_plan

ROOT = Path(__file__).parents[2]
COMMAND = "command: vllm serve a/b\n"


@pytest.mark.parametrize(
    ("key", "raw", "text"),
    [
        ("seed", 3, "3"),
        ("seed", None, None),
        ("seed", "", None),
        ("stop", ["a", "b"], '["a", "b"]'),
        ("stop", "a", '"a"'),
        ("reasoning_effort", "low", '"low"'),
        ("min_tokens", 5, "5"),
        ("ignore_eos", True, "true"),
        ("rpm", 60, "60"),
        ("timeout", 30.5, "30.5"),
        ("tags", ["fast"], '["fast"]'),
        ("merge_reasoning_content_in_choices", True, "true"),
        ("logit_bias", {"5": 1.0}, '{"5": 1.0}'),
    ],
)
def test_what_litellm_and_vllm_take_is_kept_as_json(key: str, raw: object, text: str | None) -> None:
    assert parse_parameter(key, raw) == text


@pytest.mark.parametrize(
    ("key", "raw", "message"),
    [
        ("seed", "x", "must be a whole number, not 'x'"),
        ("rpm", "many", "must be a whole number, not 'many'"),
        ("stop", {"a": 1}, 'must be text or a list, not {"a": 1}'),
        ("tags", "fast", "must be a list, not 'fast'"),
        ("zzz", 1, "is no parameter of LiteLLM or of vLLM's requests"),
        ("api_base", "http://x", "cannot be set here: Slipway sets it itself"),
        ("max_parallel_requests", 3, "cannot be set here: set MAX_PARALLEL_REQUESTS"),
        ("tools", [], "cannot be set here: it belongs to a request, and is no default for all of them"),
        ("seed", object, "must be a plain value, not <class 'object'>"),
    ],
)
def test_what_they_do_not_take_says_why(key: str, raw: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_parameter(key, raw)


def test_every_sampling_setting_is_a_parameter_that_is_accepted() -> None:
    assert set(BY_RECIPE_KEY) <= set(parameter_types())


def test_the_schemas_are_those_of_the_versions_that_run_here() -> None:
    pinned = re.search(r"^litellm==(\S+)", (ROOT / "requirements/gateway.txt").read_text(), re.MULTILINE)
    assert pinned
    assert f"gateway/schemas/litellm-{pinned[1]}.json" == parameters._GATEWAY
    assert f"engines/schemas/vllm-{shipped_versions()[-1]}.json" == parameters._ENGINE


@pytest.mark.parametrize("version", shipped_versions())
def test_every_schema_of_the_engine_names_what_a_request_takes(version: str) -> None:
    data = json.loads((ROOT / f"slipway/engines/schemas/vllm-{version}.json").read_text())
    assert {"temperature", "top_k", "min_p", "repetition_penalty", "chat_template_kwargs"} <= set(data["request"])
    assert load_schema(version).version == version


def test_a_parameter_reaches_its_routes_with_its_origin() -> None:
    plan = configure_plan(f"{COMMAND}litellm:\n  seed: 3\n  stop: [a]\nprofiles:\n  code:\n    seed: 4\n", overrides=["litellm.rpm=60"])
    plain, code = plan.gateway.routes[0], plan.gateway.routes[-1]
    assert {key: plain.defaults[key] for key in ("seed", "stop", "rpm")} == {"seed": 3, "stop": ["a"], "rpm": 60}
    assert (str(plain.parameters["seed"].source), str(plain.parameters["rpm"].source)) == ("models/m.yml:3", "-o")
    assert (code.defaults["seed"], str(code.parameters["seed"].source)) == (4, "models/m.yml:7")


def test_a_parameter_is_emptied_by_an_override() -> None:
    plan = configure_plan(f"{COMMAND}litellm: {{seed: 3}}\n", overrides=["litellm.seed="])
    assert "seed" not in plan.gateway.routes[0].defaults
