"""connect: what it says of the running stack, what it writes, and what it starts."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from .sandbox import Sandbox


def stand_in(home: Path, name: str, script: str) -> dict[str, str]:
    """An environment in which the program `name` is a shell script, and `home` is home."""
    program = home / "bin" / name
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:/usr/bin:/bin", "HOME": str(home)}


def test_without_a_name_it_lists_the_tools_with_or_without_a_stack(sandbox: Sandbox) -> None:
    lines = sandbox.call("connect").stdout.splitlines()

    assert [line.split()[0] for line in lines] == [
        "tool", "claude-code", "codex", "opencode", "vscode", "continue", "aider", "curl", "python", "env",
    ]  # fmt: skip


def test_without_a_stack_there_is_nothing_to_connect_to(sandbox: Sandbox) -> None:
    assert sandbox.fail("connect", "curl") == (
        1, "error: nothing runs here to connect to\nhint: launch a model first: ./runMe.sh\n",
    )  # fmt: skip
    assert sandbox.fail("connect", "claudecode") == (2, "error: there is no tool 'claudecode'\nhint: did you mean claude-code?\n")
    assert sandbox.fail("connect", "codex", "--undo") == (2, "error: there is nothing to undo: nothing was written for this tool\n")
    assert sandbox.fail("connect", "--write")[0] == 2


def test_the_settings_are_those_of_the_running_stack(sandbox: Sandbox) -> None:
    sandbox.write_secret("LITELLM_MASTER_KEY", "sk-mine")
    sandbox.up("tiny", "-o", "max_tokens=1K")

    lines = sandbox.call("connect", "env").stdout.splitlines()
    codex = sandbox.call("connect", "codex").stdout

    assert f"export OPENAI_BASE_URL=http://127.0.0.1:{sandbox.gateway_port}/v1" in lines
    assert "export OPENAI_API_KEY=sk-mine" in lines
    assert "model_context_window = 4096\n" in codex


def test_write_shows_the_change_keeps_the_rest_and_is_undone(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.up()
    path = tmp_path / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text('{\n  "theme": "dark"\n}\n')
    env = {"HOME": str(tmp_path)}

    first = sandbox.call("connect", "claude-code", "--write", env=env)
    assert f'+    "ANTHROPIC_BASE_URL": "http://127.0.0.1:{sandbox.gateway_port}",\n' in first.stdout
    assert first.stderr.endswith(f"the file as it was: {path}.before-slipway\nnow: claude\n")
    assert json.loads(path.read_text())["theme"] == "dark"
    assert json.loads(path.read_text())["env"]["ANTHROPIC_AUTH_TOKEN"] == "sk-FAKE"

    assert "nothing to change\n" in sandbox.call("connect", "claude-code", "--write", env=env).stderr
    sandbox.call("connect", "claude-code", "--undo", env=env)
    assert path.read_text() == '{\n  "theme": "dark"\n}\n'


def test_run_starts_the_tool_where_the_person_stands_with_its_words(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.up()
    env = stand_in(tmp_path, "claude", 'echo "$PWD|$ANTHROPIC_BASE_URL|$ANTHROPIC_AUTH_TOKEN|$*"')

    ran = sandbox.call("connect", "claude-code", "--run", "-p", "hello there", "-o", "json", "--help", env=env)

    assert ran.stdout == f"{Path.cwd()}|http://127.0.0.1:{sandbox.gateway_port}|sk-FAKE|-p hello there -o json --help\n"


def test_a_tool_that_is_not_installed_is_named_with_how_to_get_it(sandbox: Sandbox) -> None:
    sandbox.up()

    assert sandbox.fail("connect", "aider", "--run", env={"PATH": "/usr/bin:/bin"})[1].endswith(
        "error: aider is not installed\nhint: pip install aider-chat\n"
    )


def test_what_a_tool_has_to_read_from_a_file_is_private_and_not_among_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.up()
    env = stand_in(tmp_path, "cn", 'stat -c %a "$2"; cat "$2"')

    ran = sandbox.call("connect", "continue", "--run", env=env)

    mode, text = ran.stdout.split("\n", 1)
    assert (mode, yaml.safe_load(text)["models"][0]["apiBase"]) == ("600", f"http://127.0.0.1:{sandbox.gateway_port}/v1")
    assert not (tmp_path / ".continue").exists()


def test_bad_words_and_files_are_refused_before_anything_is_written(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.up()
    path = tmp_path / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text('{"theme": }')
    env = {"HOME": str(tmp_path)}

    assert sandbox.fail("connect", "claude-code", "--write", env=env) == (
        2, f"error: cannot change {path}: line 1: expected a value\nhint: correct the file, or paste the settings by hand\n",
    )  # fmt: skip
    assert sandbox.fail("connect", "curl", "--write") == (
        2, "error: curl has no configuration file to write\nhint: paste what `./runMe.sh connect curl` prints\n",
    )  # fmt: skip
    assert sandbox.fail("connect", "vscode", "--run")[1].startswith("error: vscode cannot be started with settings of its own\n")
    assert sandbox.fail("connect", "codex", "opencode")[0] == 2
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.json"]
