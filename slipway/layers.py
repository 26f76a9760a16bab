"""Reads the sources of configuration, each kept whole as a Layer with the line that every value came from.

Keys of a layer share one name space: settings by their name (`GATEWAY_PORT`), engine environment variables as
`env.NAME`, further parameters of the gateway as `litellm.NAME`, engine flags by their long name (`--max-model-len`), or by
their setting's where they have one.
"""

from __future__ import annotations

import difflib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dotenv.parser import Binding, parse_stream
from dotenv.variables import Variable, parse_variables

from slipway.errors import Problem
from slipway.flags import canonical_name
from slipway.secrets import KNOWN as SECRETS
from slipway.settings import BY_FLAG, BY_NAME, BY_RECIPE_KEY, DEFINITIONS, is_engine_variable

# The labels of the layers that are no files.
ENVIRONMENT = "environment"
OVERRIDES = "-o"

# In front of a parameter of the gateway that is no setting: litellm.seed.
PARAMETER_PREFIX = "litellm."

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Value:
    """What a source says about one key: the raw text or number, its line (0: the source has no lines), the key as written.

    `replaced` lists what the same source said before a variant or the hardware changed it, the last one first.
    """

    raw: object
    line: int = 0
    written: str = ""
    replaced: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Layer:
    """One source of configuration, whole."""

    label: str
    values: Mapping[str, Value]
    problems: tuple[Problem, ...] = field(default=())


def read_defaults() -> Layer:
    """The built-in defaults of the settings table."""
    return Layer("built-in default", {item.name: Value(item.default) for item in DEFINITIONS if item.default})


def read_vars(label: str, text: str, environ: Mapping[str, str]) -> Layer:
    """A vars.env file as python-dotenv reads it: `export`, quotes, `# comments`, and the last of two equal names wins.

    `${NAME}` and `${NAME:-default}` stand for an earlier line of the file, else for `environ`, between quotes of either kind
    too; `$NAME` is plain text. A line that is no assignment, an unknown name, a secret, and a `${NAME}` that is not set are
    problems.
    """
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    known = dict(environ)
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is None and not binding.error:
            continue  # blank lines and comments at the end
        line = _line(binding)
        if binding.error or binding.key is None or binding.value is None:
            shown = binding.original.string.strip().splitlines()[0]
            problems.append(Problem(label, line, f"not an assignment: {shown!r}", "write NAME=value, or # in front of a comment"))
            continue
        key, problem = _key_of(binding.key, label, line)
        expanded, unset = _expand(binding.value, known)
        if problem or unset:
            problems.append(problem or Problem(label, line, f"{binding.key}: {unset}"))
            continue
        known[binding.key] = expanded
        values[key] = Value(expanded, line)
    return Layer(label, values, tuple(problems))


def _line(binding: Binding) -> int:
    # python-dotenv hands blank lines over together with the assignment that follows them
    original = binding.original.string
    return binding.original.line + original[: len(original) - len(original.lstrip())].count("\n")


def _expand(text: str, known: Mapping[str, str]) -> tuple[str, str]:
    """The value with every `${NAME}` replaced, and what is wrong with it, if anything."""
    if not text.replace("\n", "").replace("\t", "").isprintable():
        return "", "the value holds a character that cannot be printed"
    parts = list(parse_variables(text))
    for part in parts:
        if isinstance(part, Variable) and part.name in SECRETS:
            return "", f"${{{part.name}}} is a secret and does not belong here"
        if isinstance(part, Variable) and part.name not in known and part.default is None:
            return "", f"${{{part.name}}} is not set, and has no default (${{{part.name}:-default}})"
    return "".join(part.resolve(known) for part in parts), ""


def _key_of(name: str, label: str, line: int) -> tuple[str, Problem | None]:
    if name in SECRETS:
        return name, misplaced_secret(name, label, line)
    if name in BY_NAME:
        return name, None
    if is_engine_variable(name):
        return f"env.{name}", None
    return name, Problem(label, line, f"unknown setting {name}", did_you_mean(name, BY_NAME) or "see docs/configuration.md")


def misplaced_secret(name: str, label: str, line: int) -> Problem:
    """A secret in a place whose content ends up in rendered files."""
    return Problem(label, line, f"{name} is a secret and does not belong here", f"put it into secrets/{name}")


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
    return Layer(ENVIRONMENT, values)


def read_overrides(pairs: Sequence[str]) -> Layer:
    """The `-o key=value` options: settings, sampling keys, engine variables, or engine flags (`--max-model-len=4096`, `--x`)."""
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    for pair in pairs:
        written, equals, text = pair.partition("=")
        if not written.strip("-") or not (equals or written.startswith("-")):
            problems.append(Problem(OVERRIDES, 0, f"{pair!r} is not key=value"))
            continue
        key, problem = _override_key(written)
        if problem:
            problems.append(problem)
        else:
            values[key] = Value(_json_or_text(text) if key.startswith(PARAMETER_PREFIX) else text, 0, written)
    return Layer(OVERRIDES, values, tuple(problems))


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _override_key(written: str) -> tuple[str, Problem | None]:
    variable = written.removeprefix("env.")
    if variable in SECRETS:
        return "", misplaced_secret(variable, OVERRIDES, 0)
    if written.startswith("-"):
        flag = canonical_name(written)
        return BY_FLAG[flag].name if flag in BY_FLAG else flag, None
    parameter = written.lower().removeprefix(PARAMETER_PREFIX)
    if parameter in BY_RECIPE_KEY:
        return BY_RECIPE_KEY[parameter].name, None
    if written.startswith(PARAMETER_PREFIX):
        return written, None
    if written.upper() in BY_NAME:
        return written.upper(), None
    if is_engine_variable(written) or (variable != written and _VARIABLE.fullmatch(variable)):
        return f"env.{variable}", None
    hint = did_you_mean(written, [*BY_NAME, *BY_RECIPE_KEY]) or "settings are in docs/configuration.md; flags start with --"
    return "", Problem(OVERRIDES, 0, f"unknown key {written}", hint)


def did_you_mean(word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """`did you mean X?` for the nearest known word, or nothing. What all flags or all of vLLM's variables begin with does not count."""
    bare = {name.lstrip("-").removeprefix("VLLM_"): name for name in known}
    near = difflib.get_close_matches(word.lstrip("-").removeprefix("VLLM_"), list(bare), n=1, cutoff=0.6)
    return f"did you mean {bare[near[0]]}?" if near else ""
