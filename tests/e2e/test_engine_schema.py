"""The shipped schemas of the versions that run here, against the installed vLLM and LiteLLM themselves; no stack is needed."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.engines.schema import load_schema

from .conftest import ROOT, AskEngine


def golden_commands() -> dict[str, list[str]]:
    """Model -> its rendered command, without `vllm serve`'s first word."""
    files = sorted((ROOT / "tests/golden").glob("*/models.yml"))
    return {path.parent.name: yaml.safe_load(path.read_text())["engines"][0]["command"][2:] for path in files}


@pytest.fixture(scope="module")
def parsed_commands(ask_engine: AskEngine) -> dict[str, Any]:
    found: dict[str, Any] = ask_engine(golden_commands())
    return found


def test_the_shipped_schema_is_what_the_installed_vllm_says(ask_engine: AskEngine) -> None:
    fresh = ask_engine("schema")
    shipped = json.loads((ROOT / f"slipway/engines/schemas/vllm-{fresh['version']}.json").read_text())
    assert {**shipped, "made": ""} == {**fresh, "made": ""}
    assert load_schema(fresh["version"]).version == fresh["version"]


def test_the_shipped_parameters_are_what_the_installed_litellm_says(tmp_path: Path) -> None:
    subprocess.run([ROOT / "runMe.sh", "render", "demo", "--to", tmp_path], check=True, capture_output=True, timeout=120)
    command = shlex.split((tmp_path / "gateway.sh").read_text().replace("\\\n", " ").rpartition("\nexec ")[2])
    python, folder = Path(command[0]).with_name("python"), tmp_path / "fresh"
    folder.mkdir()
    subprocess.run([python, ROOT / "scripts/dump_gateway_schema.py", "--to", folder], check=True, capture_output=True, timeout=300)
    (fresh,) = folder.iterdir()
    assert fresh.read_text() == (ROOT / f"slipway/gateway/schemas/{fresh.name}").read_text()


@pytest.mark.parametrize("name", golden_commands())
def test_vllm_s_own_parser_takes_the_rendered_command(parsed_commands: dict[str, Any], name: str) -> None:
    parsed = parsed_commands[name]
    command = golden_commands()[name]
    assert "refused" not in parsed
    assert (parsed["model_tag"], parsed["port"]) == (command[0], 8000)
    assert parsed["served_model_name"] == command[command.index("--served-model-name") + 1 :]
