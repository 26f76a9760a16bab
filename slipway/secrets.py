"""Secrets: one value per file or environment variable, redacted wherever it is shown."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import ConfigError, Problem

# Name -> what it is for. Only these are read, from secrets/NAME or from the environment.
KNOWN = {
    "HF_TOKEN": "Hugging Face token, for gated models",
    "LITELLM_MASTER_KEY": "the gateway's admin key, starts with sk-; the loopback-only default is sk-FAKE",
    "ANTHROPIC_AUTH_TOKEN": "the key that the printed client snippets use, where it is not the master key",
    "DATABASE_URL": "an external PostgreSQL to use instead of Slipway's own",
    "VLLM_API_KEY": "the key between gateway and engine; generated once when absent",
}

DEFAULT_MASTER_KEY = "sk-FAKE"


@dataclass(frozen=True, repr=False)
class Secret:
    """A value that never shows itself: str(), repr() and YAML give stars, reveal() gives the text."""

    value: str

    def reveal(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return "Secret(****)"

    def __str__(self) -> str:
        return "****"


def read_secrets(folder: Path, environ: Mapping[str, str]) -> dict[str, Secret]:
    """Read every known secret; the environment beats the file of the same name.

    Raises ConfigError with all problems: a file that is empty, unreadable or readable by every user of the machine.
    """
    found: dict[str, Secret] = {}
    problems: list[Problem] = []
    for name in KNOWN:
        if environ.get(name):
            found[name] = Secret(environ[name])
            continue
        path = folder / name
        if not path.is_file():
            continue
        problem, text = _read_file(path)
        if problem:
            problems.append(problem)
        else:
            found[name] = Secret(text)
    key = found.get("LITELLM_MASTER_KEY")
    if key and not key.reveal().startswith("sk-"):
        where = "LITELLM_MASTER_KEY" if environ.get("LITELLM_MASTER_KEY") else _shown(folder / "LITELLM_MASTER_KEY")
        problems.append(Problem(where, 0, "the master key must start with sk-", "LiteLLM refuses any other"))
    if problems:
        raise ConfigError(problems)
    return found


def _read_file(path: Path) -> tuple[Problem | None, str]:
    shown = _shown(path)
    if path.stat().st_mode & stat.S_IROTH:
        return Problem(shown, 0, "every user of this machine can read this secret", f"chmod 600 {shown}"), ""
    try:
        text = path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        return Problem(shown, 0, f"cannot be read: {error}"), ""
    if not text.strip():
        return Problem(shown, 0, "this secret is empty", "write one value into it, or delete the file"), ""
    if "\n" in text:
        return Problem(shown, 2, "a secret is one line", "keep only the value itself"), ""
    return None, text


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
