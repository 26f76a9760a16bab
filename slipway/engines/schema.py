"""The argument schemas of vLLM versions that ship with Slipway, and which of them stands for the version that will run.

scripts/dump_engine_schema.py writes them; docs/preflight.md tells their format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from slipway.requirements import version_allowed
from slipway.typed_values import Alternatives

_FOLDER = Path(__file__).with_name("schemas")


class Schema:
    """What one vLLM version takes. Types are lists of alternatives: `integer`, `{"choices": [...]}`, `{"config": name}` …"""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.version: str = data["version"]
        self.flags: dict[str, dict[str, Any]] = data["flags"]
        self.names: dict[str, list[str]] = data["names"]
        self.exclusive: list[tuple[str, str]] = data["exclusive"]
        self.requires: list[tuple[str, str]] = data["requires"]
        self.environment: dict[str, Alternatives] = data["environment"]
        self.configs: dict[str, dict[str, Alternatives]] = data["configs"]

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Every spelling of every flag, short and negated ones too, with the flag's name."""
        found = {word: name for name, flag in self.flags.items() for word in (name, *flag.get("also", ()))}
        if "--optimization-level" in self.flags:
            found["-O"] = "--optimization-level"  # the parser rewrites it before argparse looks
        return found


@dataclass(frozen=True)
class Choice:
    """The schema that stands for a version, and how far it can be trusted.

    `strict`: what it does not know is a mistake. Else it is a warning, because the version is not known, or lies outside
    the versions that ship. `other` is the shipped version on the version's other side, where it lies between two.
    """

    wanted: str
    version: str
    strict: bool
    note: str = ""
    other: str = ""

    @property
    def schema(self) -> Schema:
        return load_schema(self.version)


@cache
def load_schema(version: str) -> Schema:
    """One shipped schema. Raises FileNotFoundError."""
    return Schema(json.loads((_FOLDER / f"vllm-{version}.json").read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def shipped_versions() -> tuple[str, ...]:
    """The versions that ship, oldest first."""
    return tuple(sorted((path.stem.removeprefix("vllm-") for path in _FOLDER.glob("vllm-*.json")), key=_numbers))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


@lru_cache(maxsize=64)
def choose_schema(wanted: str) -> Choice:
    """The schema for a version such as 0.26.0; empty text for a version that is not known."""
    versions = shipped_versions()
    if wanted in versions:
        return Choice(wanted, wanted, strict=True)
    newest, oldest = versions[-1], versions[0]
    lenient = "what it does not know is a warning, not a mistake"
    if not re.match(r"\d+\.\d+", wanted):
        return Choice(wanted, newest, False, f"the version of vLLM is not known; checked against {newest}, and {lenient}")
    if _numbers(wanted) > _numbers(newest):
        return Choice(wanted, newest, False, f"vLLM {wanted} is newer than any schema here; checked against {newest}, and {lenient}")
    if _numbers(wanted) < _numbers(oldest):
        return Choice(wanted, oldest, False, f"vLLM {wanted} is older than any schema here; checked against {oldest}, and {lenient}")
    below = max((version for version in versions if _numbers(version) < _numbers(wanted)), key=_numbers)
    above = min((version for version in versions if _numbers(version) > _numbers(wanted)), key=_numbers)
    nearest, other = (below, above) if _distance(below, wanted) < _distance(above, wanted) else (above, below)
    return Choice(wanted, nearest, True, f"vLLM {wanted} is checked against {nearest}, the nearest schema here", other)


def _distance(version: str, wanted: str) -> int:
    """How far two versions are apart: a minor release counts a hundred patches."""
    return abs(_rank(version) - _rank(wanted))


def _rank(version: str) -> int:
    major, minor, patch = (*_numbers(version), 0, 0)[:3]
    return (major * 1000 + minor) * 100 + patch


def version_meant(bounds: str, running: str) -> str:
    """The version that a model file is written for: the one that would run, where its `requires: vllm:` allows it.

    Else the newest one with a schema that it allows, else the first that it names.
    """
    if not bounds or version_allowed(bounds, running):
        return running
    allowed = [version for version in shipped_versions() if version_allowed(bounds, version)]
    named = re.search(r"\d+(?:\.\d+)*", bounds)
    return allowed[-1] if allowed else named[0] if named else ""
