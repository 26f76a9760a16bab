"""The launch itself: what it says, what it leaves, and that its snippets work when pasted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil

from tests.e2e.conftest import MASTER_KEY, ROOT, Stack


def snippet(welcome: str, title: str) -> str:
    """The text under `# title`, up to the next heading."""
    return re.split(r"\n# |\Z", welcome.split(f"\n# {title}\n")[1], maxsplit=1)[0].strip()


def paste(stack: Stack, text: str) -> str:
    """What a shell prints when a person pastes `text`; its python3 has the OpenAI SDK."""
    environ = stack.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-ec", text], env=environ, text=True, capture_output=True, check=True, timeout=120).stdout


def test_the_launch_names_address_key_and_model(stack: Stack) -> None:
    assert f"address  {stack.url}\n" in stack.welcome
    assert f"key      {MASTER_KEY}\n" in stack.welcome
    assert "model    vllm_agent (or demo)\n  context  32,768 tokens\n" in stack.welcome


def test_each_phase_is_said_with_its_time_in_plain_lines(stack: Stack) -> None:
    for phase in ("engine", "database", "database schema", "gateway", "first answer"):
        assert re.search(rf"^{phase}: done in \d+\.\d s$", stack.phases, re.MULTILINE), stack.phases


def test_the_self_test_says_what_works(stack: Stack) -> None:
    lines = re.sub(r"\d+\.\d s$", "N s", stack.welcome.split("# Self-test\n")[1], flags=re.MULTILINE).splitlines()
    assert [re.sub(r"\d+ (tokens|events)", r"N \1", line) for line in lines] == [
        "ok    chat                   works: N tokens, N s",
        "ok    tool call              works: get_weather(city=Paris) through the hermes parser, N s",
        "ok    streamed /v1/messages  works: N events, N s",
    ]


def test_the_curl_snippet_works_when_pasted(stack: Stack) -> None:
    assert '"role":"assistant"' in paste(stack, snippet(stack.welcome, "curl"))


def test_the_python_snippet_works_when_pasted(stack: Stack) -> None:
    assert paste(stack, snippet(stack.welcome, "Python")).strip()


def test_the_claude_code_snippet_sets_what_the_client_reads(stack: Stack) -> None:
    probe = 'claude() { echo "$ANTHROPIC_BASE_URL $ANTHROPIC_AUTH_TOKEN <$ANTHROPIC_API_KEY> $ANTHROPIC_MODEL $ANTHROPIC_DEFAULT_HAIKU_MODEL $CLAUDE_CODE_MAX_CONTEXT_TOKENS"; }\n'

    assert paste(stack, probe + snippet(stack.welcome, "Claude Code")) == f"{stack.url} {MASTER_KEY} <> vllm_agent vllm_agent 32768\n"


def test_launching_the_same_model_again_changes_nothing(stack: Stack) -> None:
    before = stack.status()
    again = stack.up()
    after = stack.status()

    assert again.returncode == 0
    assert "was running already; nothing changed" in again.stdout
    assert [part["pid"] for part in before["parts"]] == [part["pid"] for part in after["parts"]]


def test_status_shows_every_part_ready(stack: Stack) -> None:
    status = stack.status()

    assert (status["state"], status["model"], status["runtime"]) == ("ready", "demo", "local")
    assert [part["part"] for part in status["parts"]] == ["database", "engine", "gateway"]
    for part in status["parts"]:
        assert part["state"] == "ready" and part["pid"] and part["uptime"] > 0 and part["memory"] > 1 << 20


def test_no_secret_is_in_a_rendered_file_an_argv_or_a_log(stack: Stack) -> None:
    secrets = [path.read_text() for path in (ROOT / f".slipway/data/{stack.environ['STACK_NAME']}/secrets").iterdir()]
    rendered = stack.run("render", "demo").stdout
    argvs = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]

    assert len(secrets) == 2
    for secret in secrets:
        assert secret not in rendered
        assert not any(secret.encode() in argv for argv in argvs)
        for part in ("engine", "gateway", "database", "supervisord"):
            assert secret not in stack.log(part)


def test_only_loopback_is_listened_on(stack: Stack) -> None:
    ports = {stack.port, int(stack.environ["ENGINE_PORT"])}
    addresses = [item.laddr for item in psutil.net_connections("tcp") if item.status == psutil.CONN_LISTEN and item.laddr]

    assert sorted((address.ip, address.port) for address in addresses if address.port in ports) == sorted(
        ("127.0.0.1", port) for port in ports
    )
