"""The real Claude Code, Codex, OpenCode and Continue, pointed at the stack as `connect` points them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.clients import CLIENTS
from slipway.clients.base import Start
from slipway.clients.journal import Journal, write_own
from slipway.launchers.base import Access
from slipway.secrets import Secret
from tests.e2e.conftest import Stack, until
from tests.e2e.test_keys_and_usage import usage
from tests.e2e.tools import Tap, install_tools, run_tool

# words that make each tool answer one prompt without a person, and what it needs where there is no internet
HEADLESS = {
    "claude-code": (
        ("-p", "--output-format", "json", "--permission-mode", "acceptEdits"),
        {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
    ),
    "codex": (("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"), {}),
    "opencode": (("run",), {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}),
    "continue": (("-p", "--auto"), {}),
}
TOOLS = list(HEADLESS)
PATHS = {
    "claude-code": "/v1/messages", "codex": "/v1/responses", "opencode": "/v1/chat/completions", "continue": "/v1/chat/completions",
}  # fmt: skip
# prompt tokens of the whole turn: an agent's own prompt and tools are most of it
PROMPT = {"claude-code": 20000, "codex": 20000, "opencode": 20000, "continue": 1000}
LINE = "Slipway was here"  # the demo model has been examined on it
CREATE = f"Create a file hello.txt with exactly this line: {LINE}"


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    install_tools()


@pytest.fixture
def tap(stack: Stack) -> Iterator[Tap]:
    with Tap(stack.url).running() as tap:
        yield tap


def access(stack: Stack, url: str, alias: str) -> Access:
    """What connect knows, with a virtual key of its own instead of the stack's."""
    with stack.client() as admin:
        key = admin.post("/key/generate", json={"key_alias": alias}).raise_for_status().json()["key"]
    return Access(url, Secret(key), "demo", context=32768, output=512)


def started(tool: str, known: Access, folder: Path) -> Start:
    """As `connect TOOL --run` starts it, up to the start."""
    start = CLIENTS[tool].start
    assert start is not None
    made = start(known, folder)
    if made.file:
        write_own(made.file)
    return made


def ask(tool: str, prompt: str, home: Path, argv: tuple[str, ...], env: dict[str, str]) -> str:
    words, more = HEADLESS[tool]
    done = run_tool([*argv, *words, prompt], home, {**env, **more})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_wire(tool: str, tap: Tap, turns: int) -> None:
    """Nothing was refused, and the tool has asked at least so often."""
    assert tap.refused() == []
    assert sum(path == PATHS[tool] for _, path, _ in tap.seen) >= turns


def turns_under(stack: Stack, alias: str, turns: int) -> dict[str, Any]:
    """The key's row in the usage report, once all its turns are in."""
    row: dict[str, Any] = until(
        lambda: (row := usage(stack, "key").get(alias)) and row["requests"] >= turns and row,
        60,
        f"{turns} requests of {alias} in the usage report",
    )
    return row


@pytest.mark.parametrize("tool", TOOLS)
def test_an_agent_writes_the_file_that_it_is_asked_for(stack: Stack, tap: Tap, tool: str, tmp_path: Path) -> None:
    start = started(tool, access(stack, tap.url, f"{tool}-run"), tmp_path / "run")

    answer = ask(tool, CREATE, tmp_path, start.argv, dict(start.env))

    assert (tmp_path / "hello.txt").read_text().rstrip("\n") == LINE
    assert "Done: the file is written." in answer
    check_wire(tool, tap, 2)  # the call, and the closing sentence after its result
    row = turns_under(stack, f"{tool}-run", len(tap.seen))
    assert (row["requests"], row["errors"]) == (len(tap.seen), 0)
    assert row["prompt_tokens"] > PROMPT[tool] and row["completion_tokens"] > 0


@pytest.mark.parametrize("tool", TOOLS)
def test_an_agent_reads_the_configuration_that_write_has_written(stack: Stack, tap: Tap, tool: str, tmp_path: Path) -> None:
    changes = CLIENTS[tool].changes
    assert changes is not None
    journal = Journal(tmp_path / "journal", tool)
    journal.write(journal.plan_write(changes(access(stack, tap.url, f"{tool}-write"), {"HOME": str(tmp_path)})))

    ask(tool, "Hello", tmp_path, ("cn",) if tool == "continue" else tuple(CLIENTS[tool].after.split()), {})

    check_wire(tool, tap, 1)


def test_claude_code_needs_nothing_but_address_and_key(stack: Stack, tap: Tap, tmp_path: Path) -> None:
    key = access(stack, tap.url, "claude-bare").key.reveal()

    ask("claude-code", "Hello", tmp_path, ("claude",), {"ANTHROPIC_BASE_URL": tap.url, "ANTHROPIC_AUTH_TOKEN": key})

    check_wire("claude-code", tap, 1)


LONG = "Remember these words. " + "boats leave the harbour at dawn " * 500


def test_claude_code_compacts_when_a_prompt_is_too_long_and_goes_on(stack: Stack, tap: Tap, tmp_path: Path) -> None:
    """With address and key alone it knows of no limit, so it compacts when it is refused in the words that it looks for."""
    key = access(stack, tap.url, "claude-compact").key.reveal()
    words, quiet = HEADLESS["claude-code"]
    env = {"ANTHROPIC_BASE_URL": tap.url, "ANTHROPIC_AUTH_TOKEN": key, "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "512", **quiet}
    said: list[dict[str, Any]] = []
    for turn in range(4):
        done = run_tool(["claude", *words, "--output-format", "stream-json", "--verbose", *["--continue"][:turn], LONG], tmp_path, env)
        said = [json.loads(line) for line in done.stdout.splitlines()]
        assert said[-1]["is_error"] is False, done.stdout
        if tap.refused():
            break

    assert "compact_boundary" in [item.get("subtype") for item in said]
    refused = tap.seen.index(tap.refused()[0])
    assert refused >= 1 and [status for _, _, status in tap.seen[refused:]][-1] == 200


def test_codex_says_that_the_context_is_full(stack: Stack, tap: Tap, tmp_path: Path) -> None:
    start = started("codex", access(stack, tap.url, "codex-long"), tmp_path)
    done = run_tool([*start.argv, *HEADLESS["codex"][0], "word " * 25000], tmp_path, dict(start.env))

    assert "ran out of room in the model's context window" in done.stdout + done.stderr


def test_claude_codes_context_report_is_counted_by_the_engine(stack: Stack, tap: Tap, tmp_path: Path) -> None:
    start = started("claude-code", access(stack, tap.url, "claude-context"), tmp_path)

    report = json.loads(ask("claude-code", "/context", tmp_path, start.argv, dict(start.env)))["result"]

    assert "/ 32.8k" in report
    assert tap.refused() == []
    assert sum(path == "/v1/messages/count_tokens" for _, path, _ in tap.seen) > 5
