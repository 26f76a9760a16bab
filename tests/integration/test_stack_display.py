"""What a launch shows, and where."""

from __future__ import annotations

import os
import pty

from .sandbox import Sandbox, without_times

PHASES = [
    "engine ...",
    "database ...",
    "database: done in N s",
    "database schema ...",
    "database schema: done in N s",
    "gateway ...",
    "gateway: done in N s",
    "engine: done in N s",
    "first answer ...",
    "first answer: done in N s",
    "self-test ...",
    "self-test: done in N s",
]


def test_without_a_terminal_phases_are_plain_lines_on_stderr_and_stdout_is_the_welcome(sandbox: Sandbox) -> None:
    result = sandbox.up()
    assert without_times(result.stderr) == PHASES
    url = f"http://127.0.0.1:{sandbox.gateway_port}"
    lines = result.stdout.splitlines()
    assert lines[:6] == ["", "tiny is ready.", "", f"  address  {url}", "  key      sk-FAKE", "  model    vllm_agent (or tiny)"]
    assert [line for line in lines if line.startswith("# ")] == [
        *("# curl", "# Claude Code", "# Python"),
        "# more: ./runMe.sh connect",
        "# Self-test",
    ]
    assert without_times("\n".join(lines[-2:])) == [
        "ok    chat                   works: an answer, N s",
        "ok    streamed /v1/messages  works: 3 events, N s",
    ]
    assert "\x1b" not in result.stdout + result.stderr


def test_a_failed_phase_says_so(sandbox: Sandbox) -> None:
    result = sandbox.call("up", "tiny", "-o", "env.FAKE_ENGINE_CRASH=no")
    phases = without_times(result.stderr[: result.stderr.index("error: ")])
    assert phases[-1] == "engine: failed after N s"


def test_in_a_terminal_output_is_live(sandbox: Sandbox) -> None:
    master, slave = pty.openpty()
    env = {"TERM": "xterm-256color", "COLUMNS": "120"}
    launch = sandbox.start("up", "tiny", "-o", "env.FAKE_ENGINE_LOAD_SECONDS=2", stdout=slave, stderr=slave, env=env)
    os.close(slave)
    shown = read_all(master)
    os.close(master)
    assert launch.wait() == 0
    assert "\x1b[" in shown
    assert "loading weights" in shown
    assert shown.count("✓") >= 5
    assert "tiny is ready." in shown


def read_all(terminal: int) -> str:
    """Everything written to a terminal until its last writer is gone."""
    data = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how Linux tells that the other side is closed
            return data.decode()
        if not piece:
            return data.decode()
        data += piece
