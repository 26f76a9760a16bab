"""Each tool's settings: that its parser reads them as what they are meant to be, printed, written and started."""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.clients import CLIENTS, jsonc
from slipway.clients.edits import changed_text
from slipway.launchers.base import Access
from slipway.secrets import Secret

KEY = "sk-it's $secret"
ACCESS = Access("http://127.0.0.1:4000", Secret(KEY), "tiny", context=65536, output=8192)
NAMES = list(CLIENTS)
HOME = Path("/h")
CLAUDE_CODE = {
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:4000",
    "ANTHROPIC_AUTH_TOKEN": KEY,
    "ANTHROPIC_API_KEY": "",
    "ANTHROPIC_MODEL": "vllm_agent",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "vllm_agent",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "vllm_agent",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "vllm_agent",
    "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
    "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "65536",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "8192",
}
CODEX = {
    "model": "vllm_agent",
    "model_provider": "slipway",
    "model_context_window": 65536,
    "model_auto_compact_token_limit": 52428,
    "model_providers": {
        "slipway": {
            "name": "Slipway",
            "base_url": "http://127.0.0.1:4000/v1",
            "wire_api": "responses",
            "experimental_bearer_token": KEY,
        }
    },
}
OPENCODE = {
    "npm": "@ai-sdk/openai-compatible",
    "name": "Slipway",
    "options": {"baseURL": "http://127.0.0.1:4000/v1", "apiKey": KEY},
    "models": {"vllm_agent": {"name": "tiny (Slipway)", "tool_call": True, "limit": {"context": 65536, "output": 8192}}},
}
VSCODE = {
    "name": "Slipway",
    "vendor": "customendpoint",
    "apiKey": KEY,
    "apiType": "chat-completions",
    "models": [
        {
            "id": "vllm_agent",
            "name": "tiny (Slipway)",
            "url": "http://127.0.0.1:4000/v1/chat/completions",
            "toolCalling": True,
            "vision": False,
            "maxInputTokens": 57344,
            "maxOutputTokens": 8192,
        }
    ],
}
CONTINUE = {
    "name": "Slipway",
    "provider": "openai",
    "model": "vllm_agent",
    "apiBase": "http://127.0.0.1:4000/v1",
    "apiKey": KEY,
    "roles": ["chat", "edit", "apply"],
    "capabilities": ["tool_use"],
    "defaultCompletionOptions": {"contextLength": 65536, "maxTokens": 8192},
}


def written(name: str, environ: dict[str, str], before: dict[str, str] | None = None) -> dict[str, Any]:
    """What each file of a tool holds after --write, read by its format's own parser; paths below the home folder."""
    changes = CLIENTS[name].changes
    assert changes is not None
    found = {}
    for change in changes(ACCESS, environ):
        where = str(change.path.relative_to(environ["HOME"]))
        text = changed_text(change, (before or {}).get(where))
        readers: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".yml": yaml.safe_load, ".yaml": yaml.safe_load}
        read = readers.get(change.path.suffix, jsonc.read)
        found[where] = read(text)
    return found


def environment_after(script: str) -> dict[str, str]:
    """What a shell's variables are after a script."""
    done = subprocess.run(
        ["bash", "-ec", f"{script}\nenv -0"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)


def test_claude_codes_settings_keep_what_is_there() -> None:
    before = {".claude/settings.json": '{"env": {"MINE": "1"}, "theme": "dark"}'}

    assert written("claude-code", {"HOME": "/h"}, before) == {
        ".claude/settings.json": {"env": {"MINE": "1", **CLAUDE_CODE}, "theme": "dark"}
    }


def test_claude_codes_snippet_gives_the_same_variables_to_a_shell() -> None:
    words = shlex.split(CLIENTS["claude-code"].snippet(ACCESS).replace("\\\n", " "))

    assert (dict(word.split("=", 1) for word in words[:-1]), words[-1]) == (CLAUDE_CODE, "claude")


def test_codex_gets_a_profile_of_its_own() -> None:
    assert written("codex", {"HOME": "/h"}) == {".codex/slipway.config.toml": CODEX}
    assert written("codex", {"HOME": "/h", "CODEX_HOME": "/h/elsewhere"}) == {"elsewhere/slipway.config.toml": CODEX}


def test_codexs_profile_keeps_what_a_person_has_added() -> None:
    mine = 'model = "old"\nsandbox_mode = "read-only"\n\n[model_providers.slipway]\nstream_max_retries = 2\n'
    changed = written("codex", {"HOME": "/h"}, {".codex/slipway.config.toml": mine})[".codex/slipway.config.toml"]

    assert changed["model_providers"]["slipway"].pop("stream_max_retries") == 2
    assert changed == {**CODEX, "sandbox_mode": "read-only"}


def test_codex_is_started_with_its_key_in_a_variable() -> None:
    start = CLIENTS["codex"].start
    assert start is not None
    argv, env = start(ACCESS, HOME).argv, start(ACCESS, HOME).env

    assert env == {"SLIPWAY_API_KEY": KEY}
    assert tomllib.loads("\n".join(argv[2::2])) == {
        **CODEX,
        "model_providers": {
            "slipway": {"name": "Slipway", "base_url": "http://127.0.0.1:4000/v1", "wire_api": "responses", "env_key": "SLIPWAY_API_KEY"}
        },
    }


def test_opencode_gets_a_provider_and_a_default_model(tmp_path: Path) -> None:
    assert written("opencode", {"HOME": str(tmp_path)}) == {
        ".config/opencode/opencode.json": {"model": "slipway/vllm_agent", "provider": {"slipway": OPENCODE}}
    }


def test_opencodes_file_with_comments_is_taken_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "xdg/opencode/opencode.jsonc"
    path.parent.mkdir(parents=True)
    path.touch()

    assert list(written("opencode", {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg")})) == ["xdg/opencode/opencode.jsonc"]


def test_opencodes_snippet_survives_a_shell() -> None:
    script, command = CLIENTS["opencode"].snippet(ACCESS).rsplit("\n", 1)

    assert command == "opencode"
    assert json.loads(environment_after(script)["OPENCODE_CONFIG_CONTENT"])["provider"] == {"slipway": OPENCODE}


def test_vs_code_gets_one_group_beside_the_others(tmp_path: Path) -> None:
    where = ".config/Code/User/chatLanguageModels.json"

    assert written("vscode", {"HOME": str(tmp_path)}, {where: '[{"name": "Mine"}]'}) == {where: [{"name": "Mine"}, VSCODE]}
    assert written("vscode", {"HOME": str(tmp_path)}) == {where: [VSCODE]}
    assert jsonc.read(CLIENTS["vscode"].snippet(ACCESS)) == [VSCODE]


def test_continue_gets_one_model_beside_the_others() -> None:
    before = {".continue/config.yaml": "name: Mine\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: Other\n"}

    assert written("continue", {"HOME": "/h"}, before)[".continue/config.yaml"]["models"] == [{"name": "Other"}, CONTINUE]
    assert written("continue", {"HOME": "/h"}) == {
        ".continue/config.yaml": {"name": "Slipway", "version": "1.0.0", "schema": "v1", "models": [CONTINUE]}
    }
    assert yaml.safe_load(CLIENTS["continue"].snippet(ACCESS))["models"] == [CONTINUE]


def test_continue_is_started_with_a_file_of_its_own() -> None:
    start = CLIENTS["continue"].start
    assert start is not None
    started = start(ACCESS, HOME)

    assert (started.argv, started.env) == (("cn", "--config", "/h/continue.yaml"), {})
    assert started.file is not None and started.file.path == HOME / "continue.yaml"
    assert yaml.safe_load(changed_text(started.file, None))["models"] == [CONTINUE]


def test_aider_is_started_with_the_lengths_in_a_file_of_its_own() -> None:
    start = CLIENTS["aider"].start
    assert start is not None
    started = start(ACCESS, HOME)

    assert started.env == {
        "AIDER_MODEL": "openai/vllm_agent",
        "AIDER_OPENAI_API_BASE": "http://127.0.0.1:4000/v1",
        "AIDER_OPENAI_API_KEY": KEY,
        "AIDER_MODEL_METADATA_FILE": "/h/.aider.model.metadata.json",
    }
    assert started.file is not None
    assert jsonc.read(changed_text(started.file, None))["openai/vllm_agent"]["max_input_tokens"] == 65536


def test_aider_gets_its_options_and_the_models_lengths() -> None:
    metadata = {
        "max_input_tokens": 65536,
        "max_output_tokens": 8192,
        "input_cost_per_token": 0,
        "output_cost_per_token": 0,
        "litellm_provider": "openai",
        "mode": "chat",
    }

    assert written("aider", {"HOME": "/h"}, {".aider.conf.yml": "# mine\ndark-mode: true\nmodel: old\n"}) == {
        ".aider.conf.yml": {
            "dark-mode": True,
            "model": "openai/vllm_agent",
            "openai-api-base": "http://127.0.0.1:4000/v1",
            "openai-api-key": KEY,
        },
        ".aider.model.metadata.json": {"openai/vllm_agent": metadata},
    }


def test_the_python_snippet_is_python() -> None:
    assert ast.parse("\n".join(CLIENTS["python"].snippet(ACCESS).splitlines()[1:-1]))


def test_the_variables_survive_a_shell() -> None:
    assert (
        environment_after(CLIENTS["env"].snippet(ACCESS)).items()
        >= {
            "OPENAI_BASE_URL": "http://127.0.0.1:4000/v1",
            "OPENAI_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:4000",
            "ANTHROPIC_AUTH_TOKEN": KEY,
        }.items()
    )


@pytest.mark.parametrize("name", NAMES)
def test_no_tool_is_started_with_the_key_among_its_words(name: str) -> None:
    start = CLIENTS[name].start

    assert start is None or not any(KEY in word for word in start(ACCESS, HOME).argv)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_known_of_the_model_is_not_said(name: str) -> None:
    text = CLIENTS[name].snippet(replace(ACCESS, context=0, output=0))

    assert "MAX_CONTEXT" not in text
    assert not any(word in text for word in ('"limit"', "maxInputTokens", "contextLength", "max_input_tokens", "context_window"))


def test_a_model_without_tool_calls_is_offered_as_one() -> None:
    chat_only = replace(ACCESS, tools=False)

    assert jsonc.read(CLIENTS["vscode"].snippet(chat_only))[0]["models"][0]["toolCalling"] is False
    assert yaml.safe_load(CLIENTS["continue"].snippet(chat_only))["models"][0]["capabilities"] == []


def test_a_model_that_reads_images_is_offered_as_one() -> None:
    seeing = replace(ACCESS, images=True)
    opencode = json.loads(environment_after(CLIENTS["opencode"].snippet(seeing).rsplit("\n", 1)[0])["OPENCODE_CONFIG_CONTENT"])
    model = opencode["provider"]["slipway"]["models"]["vllm_agent"]
    aider = CLIENTS["aider"].snippet(seeing)

    assert {name for name in NAMES if CLIENTS[name].snippet(seeing) != CLIENTS[name].snippet(ACCESS)} == {
        name for name in NAMES if CLIENTS[name].tells_images
    }
    assert jsonc.read(CLIENTS["vscode"].snippet(seeing))[0]["models"][0]["vision"] is True
    assert yaml.safe_load(CLIENTS["continue"].snippet(seeing))["models"][0]["capabilities"] == ["tool_use", "image_input"]
    assert (model["attachment"], model["modalities"]) == (True, {"input": ["text", "image"], "output": ["text"]})
    assert jsonc.read(aider[aider.index("{") : aider.rindex("}") + 1])["openai/vllm_agent"]["supports_vision"] is True


@pytest.mark.parametrize("tools", [True, False])
def test_vs_codes_group_is_what_vs_codes_schema_asks_for(tools: bool) -> None:
    """Its own schema of the vendor `customendpoint` (extensions/copilot/package.json) requires these of a model, of these types."""
    required = {
        "id": str, "name": str, "url": str, "toolCalling": bool, "vision": bool, "maxInputTokens": int, "maxOutputTokens": int,
    }  # fmt: skip
    [group] = jsonc.read(CLIENTS["vscode"].snippet(replace(ACCESS, tools=tools)))
    [model] = group["models"]

    assert {name: type(value) for name, value in model.items()} == required
    assert group["apiType"] in ("chat-completions", "responses", "messages")
    # the editor takes the sum for the context
    assert model["maxInputTokens"] + model["maxOutputTokens"] == ACCESS.context
