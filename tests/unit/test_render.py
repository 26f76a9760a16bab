"""Templates and writing: strict, quoted, the same every time, and all or nothing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jinja2 import UndefinedError

from slipway.plan import Site
from slipway.render import (
    RenderedFile,
    StartScript,
    engine_script,
    models_text,
    render_file,
    render_generated,
    render_start_script,
    write_atomically,
    write_files,
)
from tests.unit.building import SITE, plan

TEMPLATES = Path(__file__).parents[2] / "templates"
NASTY = 'it\'s "$HOME" `ls` $(ls) \\ ; & | <x> {{ 7 }} #\n  two'


def test_an_undefined_name_in_a_template_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("{{ known }} {{ unknown }}")
    with pytest.raises(UndefinedError, match="'unknown' is undefined"):
        render_file(tmp_path, "t", tmp_path / "out", {"known": 1})


def test_a_template_becomes_a_file_as_a_value_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("{{ name | shellquote }} {{ name | toyaml }}\n")
    rendered = render_file(tmp_path, "t", tmp_path / "out", {"name": "a b: c"}, 0o755)
    assert rendered == RenderedFile(tmp_path / "out", "'a b: c' 'a b: c'\n", 0o755)
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


@pytest.mark.parametrize("value", ["plain", "yes", "null", "1e3", "a: b", "- x", "#x", "it's", "", "ü", 1, 0.5, True, 131072, "{{ x }}"])
def test_a_value_in_yaml_is_read_back_as_itself(tmp_path: Path, value: object) -> None:
    (tmp_path / "t").write_text("key: {{ value | toyaml }}\nnext: 1\n")
    text = render_file(tmp_path, "t", tmp_path / "out", {"value": value}).text
    assert yaml.safe_load(text) == {"key": value, "next": 1}


def test_a_start_script_sets_its_environment_reads_secrets_and_becomes_its_part() -> None:
    script = StartScript("engine", ("/bin/it", "serve", "--x", "a b", "--y"), {"A": "it's"}, ("HF_TOKEN",), "/env/bin")
    site = Site(root="/slipway", generated="/generated", secrets="/run/my secrets")
    rendered = render_start_script(TEMPLATES, script, site, Path("/generated/engine.sh"))
    assert rendered == RenderedFile(
        Path("/generated/engine.sh"),
        "#!/bin/sh\n"
        "# Starts engine; rendered by Slipway. Secrets are read here, at start, from files: none is in this script or in an argv.\n"
        "set -eu\n"
        'export PATH=/env/bin:"$PATH"\n'
        "export A='it'\"'\"'s'\n"
        "if [ -r '/run/my secrets/HF_TOKEN' ]; then HF_TOKEN=\"$(cat '/run/my secrets/HF_TOKEN')\"; export HF_TOKEN; fi\n"
        "exec /bin/it serve \\\n"
        "  --x 'a b' \\\n"
        "  --y\n",
        0o755,
    )


def test_what_a_model_file_says_cannot_get_out_of_its_quotes() -> None:
    text = f"command: |\n  vllm serve a/b --x {shlex.quote(NASTY).replace(chr(10), chr(10) + '  ')}\nenv:\n  VLLM_X: {yaml.safe_dump(NASTY, width=1000)}"
    files = {file.path.name: file.text for file in render_generated(plan(text), SITE, TEMPLATES)}
    lines = files["engine.sh"].replace("\\\n  ", "")
    words = shlex.split(lines.rpartition("\nexec ")[2])
    assert words[words.index("--x") + 1] == NASTY
    assert f"\nexport VLLM_X={shlex.quote(NASTY)}\n" in files["engine.sh"]
    models = yaml.safe_load(files["models.yml"])
    assert models["engines"][0]["env"]["VLLM_X"] == NASTY
    assert NASTY in models["engines"][0]["command"]


def test_an_engine_finds_its_tools_beside_an_executable_with_a_path() -> None:
    engine = plan("command: vllm serve a/b\n").engines[0]
    assert engine_script(engine) == StartScript("engine", engine.argv, engine.env, engine.secrets, "")
    absolute = plan("command: vllm serve a/b\n", site=Site("/", "/", "/", vllm="/env/bin/vllm")).engines[0]
    assert engine_script(absolute).path == "/env/bin"


def test_models_yml_tells_what_is_served() -> None:
    text = models_text(plan("command: vllm serve a/b\ndescription: Größe\nlitellm: {top_p: , max_tokens: 1K}\n"))
    assert text.splitlines()[:4] == [
        "# Rendered by Slipway from models/m.yml and vars.env: change those, not this.",
        "model: m",
        "variant: base",
        "description: Größe",
    ]
    assert yaml.safe_load(text) == {
        "model": "m",
        "variant": "base",
        "description": "Größe",
        "engines": [
            {
                "name": "engine",
                "kind": "vllm",
                "url": "http://127.0.0.1:8000",
                "command": list(plan("command: vllm serve a/b\n").engines[0].argv),
                "env": {"PYTHONPATH": "/slipway/slipway/startup", "VLLM_NO_USAGE_STATS": "1"},
            }
        ],
        "routes": ["m", "vllm_agent"],
        "defaults": {"temperature": 0.7, "top_p": 0.9, "top_k": 50, "repetition_penalty": 1.1, "max_tokens": 1024},
    }


def test_the_same_plan_renders_to_the_same_files() -> None:
    first, second = (
        render_generated(plan("command: vllm serve a/b\n", vars_env=text), SITE, TEMPLATES)
        for text in ("NCCL_A=1\nVLLM_B=2\n", "VLLM_B=2\nNCCL_A=1\n")
    )
    assert first == second
    assert [(str(file.path), file.mode) for file in first] == [
        ("/generated/models.yml", 0o644),
        ("/generated/config.yaml", 0o644),
        ("/generated/engine.sh", 0o755),
    ]


def test_files_are_written_with_their_folders_text_and_mode(tmp_path: Path) -> None:
    files = (RenderedFile(tmp_path / "a/b/c", "ü\n", 0o600), RenderedFile(tmp_path / "d", "x", 0o755))
    write_files(files)
    assert [(file.path.read_text(encoding="utf-8"), file.path.stat().st_mode & 0o777) for file in files] == [("ü\n", 0o600), ("x", 0o755)]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "c", "d"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_atomically(path, "old", 0o600)
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new" * 10_000 + "\ud800")
    assert [(file.name, file.read_text(), file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("config.yaml", "old", 0o600)]


def test_a_reader_keeps_the_whole_old_file_while_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_atomically(path, "old")
    with path.open() as reader:
        write_atomically(path, "new and longer")
        assert (reader.read(), path.read_text()) == ("old", "new and longer")


@pytest.fixture
def _umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_a_file_s_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x", "x", 0o644)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644
