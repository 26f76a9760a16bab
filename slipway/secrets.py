"""Secrets: one value per file or environment variable, redacted wherever it is shown."""

from __future__ import annotations

import stat
from collections.abc import Mapping
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


class Secret:
    """A value that never shows itself: str(), repr(), pickle and YAML give stars, reveal() gives the text."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(****)"

    def __str__(self) -> str:
        return "****"

    def __format__(self, spec: str) -> str:
        return format("****", spec)

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, ("****",)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self


def read_secrets(folder: Path, environ: Mapping[str, str]) -> dict[str, Secret]:
    """Read every known secret; the environment beats the file of the same name.

    Raises ConfigError with all problems: a file that is empty, unreadable or readable by every user of the machine.
    """
    found: dict[str, Secret] = {}
    problems: list[Problem] = []
    for name in KNOWN:
        text, problem = _read_secret(name, folder, environ)
        if problem:
            problems.append(problem)
        elif text:
            found[name] = Secret(text)
    if problems:
        raise ConfigError(problems)
    return found


def secret_sources(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Where each secret that is set comes from, as messages name it; the values are not read."""
    found = {}
    for name in KNOWN:
        if environ.get(name, "").strip():
            found[name] = f"environment {name}"
        elif (folder / name).is_file():
            found[name] = f"{folder.name}/{name}"
    return found


def _read_secret(name: str, folder: Path, environ: Mapping[str, str]) -> tuple[str, Problem | None]:
    shown, text = name, environ.get(name, "").strip()
    if not text:
        path = folder / name
        shown = f"{folder.name}/{name}"
        try:
            if not path.is_file():
                return "", None
            text, problem = _read_file(path, shown)
        except OSError as error:
            return "", Problem(shown, 0, f"cannot be read: {error.strerror}")
        if problem:
            return "", problem
    if name == "LITELLM_MASTER_KEY" and not text.startswith("sk-"):
        return "", Problem(shown, 0, "the master key must start with sk-", "LiteLLM refuses any other")
    return text, None


def _read_file(path: Path, shown: str) -> tuple[str, Problem | None]:
    if path.stat().st_mode & stat.S_IROTH:
        return "", Problem(shown, 0, "every user of this machine can read this secret", f"chmod 600 {shown}")
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        return "", Problem(shown, 0, "the file is not UTF-8 text")
    if not text:
        return "", Problem(shown, 0, "this secret is empty", "write one value into it, or delete the file")
    if "\n" in text:
        return "", Problem(shown, 2, "a secret is one line", "keep only the value itself")
    if not text.isprintable():
        return "", Problem(shown, 1, "a secret is plain text", "this one holds a character that cannot be printed")
    return text, None
