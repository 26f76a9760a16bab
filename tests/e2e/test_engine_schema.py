"""The shipped schema of the version that runs here, against the installed vLLM itself; no stack is needed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.engines.schema import load_schema

from .conftest import ROOT


def golden_commands() -> dict[str, list[str]]:
    """Model -> its rendered command, without `vllm serve`'s first word."""
    files = sorted((ROOT / "tests/golden").glob("*/models.yml"))
    return {path.parent.name: yaml.safe_load(path.read_text())["engines"][0]["command"][2:] for path in files}


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the engine's own parser says, asked once."""
    folder = tmp_path_factory.mktemp("rendered")
    subprocess.run([ROOT / "runMe.sh", "render", "demo", "--to", folder], check=True, capture_output=True, timeout=120)
    vllm = Path(yaml.safe_load((folder / "models.yml").read_text())["engines"][0]["command"][0])
    argv = [vllm.with_name("python"), ROOT / "tests/e2e/ask_engine.py", ROOT]
    done = subprocess.run(argv, input=json.dumps(golden_commands()), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_shipped_schema_is_what_the_installed_vllm_says(answer: dict[str, Any]) -> None:
    fresh = answer["schema"]
    shipped = json.loads((ROOT / f"slipway/engines/schemas/vllm-{fresh['version']}.json").read_text())
    assert {**shipped, "made": ""} == {**fresh, "made": ""}
    assert load_schema(fresh["version"]).version == fresh["version"]


@pytest.mark.parametrize("name", golden_commands())
def test_vllm_s_own_parser_takes_the_rendered_command(answer: dict[str, Any], name: str) -> None:
    parsed = answer["parsed"][name]
    command = golden_commands()[name]
    assert "refused" not in parsed
    assert (parsed["model_tag"], parsed["port"]) == (command[0], 8000)
    assert parsed["served_model_name"] == command[command.index("--served-model-name") + 1 :]
