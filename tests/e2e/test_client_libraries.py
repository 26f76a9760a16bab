"""LangChain, and the command line tool llm, as their users set them up."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.conftest import MASTER_KEY, ROOT, Stack
from tests.e2e.tools import install_tools, run_tool


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    install_tools()


def test_langchain_chats_streams_calls_tools_and_gives_structured_answers(stack: Stack, tmp_path: Path) -> None:
    script = str(ROOT / "tests/clients/langchain_check.py")
    done = run_tool(["python", script, stack.url], tmp_path, {"SLIPWAY_KEY": MASTER_KEY})

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name in ("openai", "anthropic"):
        assert "Paris" in found[name]["answer"] and "Paris" in found[name]["streamed"]
        assert found[name]["call"] == ["get_weather", {"city": "Paris"}]
    assert list(found["structured"]) == ["city"]


def test_llm_answers_with_the_file_that_the_page_shows(stack: Stack, tmp_path: Path) -> None:
    page = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
    [entry] = re.findall(r"^```yaml\n(- model_id: .*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "extra-openai-models.yaml").write_text(entry.replace("http://127.0.0.1:4000", stack.url))
    env = {"LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": ""}
    assert run_tool(["llm", "keys", "set", "slipway", "--value", MASTER_KEY], tmp_path, env).returncode == 0
    done = run_tool(["llm", "-m", "slipway", "-o", "temperature", "0", "What is the capital of France?"], tmp_path, env)

    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout
