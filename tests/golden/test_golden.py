"""What every model file renders to, byte for byte; `python -m tests.golden.update` rewrites the files after a wanted change."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from slipway.configuration import read_configuration, read_sources
from slipway.container import SITE
from slipway.engines import build_plan
from slipway.layers import read_vars
from slipway.render import render_generated
from slipway.secrets import KNOWN
from slipway.settings import DEFINITIONS
from tests.golden.rendering import GOLDEN, HARDWARE, LOCAL, ROOT, names, render_demo_locally, render_model


def golden(name: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((GOLDEN / name).iterdir())}


@pytest.mark.parametrize("name", names())
def test_a_model_renders_to_its_golden_files(name: str) -> None:
    assert render_model(name) == golden(name)


def test_the_local_launch_of_the_demo_renders_to_its_golden_files() -> None:
    assert render_demo_locally() == golden(LOCAL)


def test_there_is_one_golden_folder_per_model_and_one_for_the_local_launcher() -> None:
    folders = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir() and path.name != "__pycache__")
    assert folders == sorted([*names(), LOCAL])


@pytest.mark.parametrize("name", names())
def test_a_golden_config_is_yaml_with_one_entry_per_route(name: str) -> None:
    config = yaml.safe_load(golden(name)["config.yaml"])
    models = yaml.safe_load(golden(name)["models.yml"])
    assert [entry["model_name"] for entry in config["model_list"]] == [*models["routes"], "claude-*"]
    for entry in config["model_list"]:
        profile = entry["model_name"].partition(":")[2]
        defaults = models["profiles"][profile] if profile else models["defaults"]
        assert {key: entry["litellm_params"].get(key) for key in defaults} == defaults


@pytest.mark.parametrize("name", names())
def test_a_golden_start_script_runs_the_command_that_models_yml_shows(name: str) -> None:
    command = yaml.safe_load(golden(name)["models.yml"])["engines"][0]["command"]
    script = golden(name)["engine.sh"].replace("\\\n", " ")
    assert shlex.split(script.rpartition("\nexec ")[2]) == command


def test_no_secret_value_appears_in_any_rendered_file() -> None:
    environ = {name: f"sk-value-of-{name}" for name in KNOWN}
    sources = read_sources(ROOT, environ, detect=lambda wish: HARDWARE)
    for name in names():
        plan = build_plan(read_configuration(sources, name), HARDWARE, SITE)
        for file in render_generated(plan, SITE, ROOT / "templates"):
            assert "sk-value-of-" not in file.text, file.path
    for path in GOLDEN.rglob("*"):
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
            assert not re.search(r"\bsk-[A-Za-z0-9]|hf_[A-Za-z]{10}", path.read_text(encoding="utf-8")), path


def test_every_setting_stands_in_vars_env_with_its_default_and_a_comment() -> None:
    lines = (ROOT / "vars.env").read_text(encoding="utf-8").splitlines()
    layer = read_vars("vars.env", "\n".join(lines), {})
    assert layer.problems == ()
    settings = {name: value.raw for name, value in layer.values.items() if not name.startswith("env.")}
    assert settings == {item.name: item.default for item in DEFINITIONS}
    uncommented = [name for name, value in layer.values.items() if not lines[value.line - 2].startswith("#")]
    assert uncommented == []


def test_the_version_in_pyproject_is_the_package_s() -> None:
    module = ast.parse((ROOT / "slipway/__init__.py").read_text(encoding="utf-8"))
    version = next(ast.literal_eval(node.value) for node in module.body if isinstance(node, ast.Assign))
    assert f'version = "{version}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_local_golden_state_names_every_part() -> None:
    assert json.loads((GOLDEN / LOCAL / "stack.json").read_text(encoding="utf-8"))["parts"] == ["database", "engine", "gateway"]


def test_golden_files_hold_no_path_of_this_machine() -> None:
    for path in GOLDEN.rglob("*"):
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
            assert str(Path.cwd()) not in path.read_text(encoding="utf-8"), path
