"""Every snippet of the README and the pages that can run does: pasted into a shell, with the tools themselves.

Blocks with `./runMe.sh` are left to tests/unit/test_docs.py, which checks verbs, options and settings; those for people who
work on Slipway (`scripts/`, `.slipway/`) are what these tests are run with; containers (`docker`) are for tests/docker.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Stack
from tests.e2e.tools import install_tools, run_tool

PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
_ELSEWHERE = ("./runMe.sh", "scripts/", ".slipway/", "docker ")
# the snippets start a tool for a person; here each is asked one thing (Aider is not installed: only its settings are looked at)
_HEADLESS = """
claude() { command claude -p Hello --output-format json; }
codex() { command codex "$@" exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox Hello; }
opencode() { command opencode run Hello; }
aider() { echo "$AIDER_MODEL $AIDER_OPENAI_API_BASE"; python3 -m json.tool .aider.model.metadata.json; }
"""
_QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}


def runnable() -> list[tuple[str, str]]:
    """Page and text of each shell snippet that needs nothing but a stack and a folder."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        for text in re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            if not any(word in text for word in _ELSEWHERE) and text not in (seen for _, seen in found):
                found.append((page, text))
    return found


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    install_tools()


@pytest.mark.parametrize(("page", "text"), runnable(), ids=[f"{page}:{text[:28].strip()}" for page, text in runnable()])
def test_a_snippet_runs_when_pasted(stack: Stack, tmp_path: Path, page: str, text: str) -> None:
    (tmp_path / "secrets").mkdir()
    ported = text.replace("http://127.0.0.1:4000", stack.url)
    done = run_tool(["bash", "-euc", _HEADLESS + ported], tmp_path, _QUIET)

    assert done.returncode == 0, done.stdout + done.stderr
    if ported != text and "export OPENAI_BASE_URL" not in text:
        assert re.search(r"\w", done.stdout)
        assert '"error"' not in done.stdout


def test_there_are_snippets_to_run() -> None:
    assert {page for page, _ in runnable()} >= {"README.md", "docs/clients.md"}
