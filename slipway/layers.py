"""Reads the sources of configuration, each kept whole as a Layer with the line that every value came from.

Keys of a layer share one name space: settings by their name (`GATEWAY_PORT`), engine environment variables as
`env.NAME`, engine flags by their long name (`--max-model-len`).
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dotenv.parser import parse_stream

from slipway.errors import Problem
from slipway.secrets import KNOWN as SECRETS
from slipway.settings import BY_NAME, BY_RECIPE_KEY, DEFINITIONS, is_engine_variable


@dataclass(frozen=True)
class Value:
    """What a source says about one key: the raw text or number, and its line (0: the source has no lines)."""

    raw: object
    line: int = 0


@dataclass(frozen=True)
class Layer:
    """One source of configuration, whole."""

    label: str
    values: Mapping[str, Value]
    problems: tuple[Problem, ...] = field(default=())


def read_defaults() -> Layer:
    """The built-in defaults of the settings table."""
    return Layer("built-in default", {item.name: Value(item.default) for item in DEFINITIONS if item.default})


def read_vars(label: str, text: str) -> Layer:
    """A vars.env file; a line that is no assignment, an unknown name and a misplaced secret are problems."""
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    for binding in parse_stream(io.StringIO(text)):
        # python-dotenv hands blank lines over together with the assignment that follows them
        original = binding.original.string
        line = binding.original.line + original[: len(original) - len(original.lstrip())].count("\n")
        if binding.error or (binding.key is not None and binding.value is None):
            shown = original.strip().splitlines()[0]
            problems.append(Problem(label, line, f"not an assignment: {shown!r}", "write NAME=value, or # in front of a comment"))
        elif binding.key is not None:
            key, problem = _key_of(binding.key, label, line)
            if problem:
                problems.append(problem)
            else:
                values[key] = Value(binding.value, line)
    return Layer(label, values, tuple(problems))


def _key_of(name: str, label: str, line: int) -> tuple[str, Problem | None]:
    if name in SECRETS:
        return name, Problem(label, line, f"{name} is a secret and does not belong here", f"put it into secrets/{name}")
    if name in BY_NAME:
        return name, None
    if is_engine_variable(name):
        return f"env.{name}", None
    return name, Problem(label, line, f"unknown setting {name}", did_you_mean(name, BY_NAME) or "see docs/configuration.md")


def read_environ(environ: Mapping[str, str]) -> Layer:
    """The settings and engine variables of the process environment; everything else there is not Slipway's."""
    values: dict[str, Value] = {}
    for name, text in environ.items():
        if name in SECRETS:
            continue
        if name in BY_NAME and text != "":
            values[name] = Value(text)
        elif is_engine_variable(name):
            values[f"env.{name}"] = Value(text)
    return Layer("environment", values)


def read_overrides(pairs: Sequence[str]) -> Layer:
    """The `-o key=value` options: settings, sampling keys, engine flags (`--max-model-len`) or engine variables."""
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            problems.append(Problem("-o", 0, f"{pair!r} is not key=value"))
            continue
        if key.startswith("-"):
            values["--" + key.lstrip("-").replace("_", "-")] = Value(text)
        elif key.lower() in BY_RECIPE_KEY:
            values[BY_RECIPE_KEY[key.lower()].name] = Value(text)
        elif key.upper() in BY_NAME:
            values[key.upper()] = Value(text)
        elif is_engine_variable(key):
            values[f"env.{key}"] = Value(text)
        else:
            hint = did_you_mean(key, [*BY_NAME, *BY_RECIPE_KEY]) or "settings are in docs/configuration.md; flags start with --"
            problems.append(Problem("-o", 0, f"unknown key {key}", hint))
    return Layer("-o", values, tuple(problems))


def did_you_mean(word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """`did you mean X?` for the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""
