"""A model file, typed: the one place where what a person wrote becomes values the rest can trust."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from slipway.command import Command, CommandError, duplicate_flags, parse_command
from slipway.errors import Problem, UsageError
from slipway.layers import Layer, Value, did_you_mean, misplaced_secret
from slipway.secrets import KNOWN as SECRETS
from slipway.settings import BY_FLAG, BY_RECIPE_KEY
from slipway.yaml_document import Document, read_document, read_text

# The route that always means "whatever is loaded".
AGENT_ROUTE = "vllm_agent"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Sections(BaseModel):
    """The sections of a model file as YAML gives them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    command: str
    env: dict[str, str] | None = None
    litellm: dict[str, int | float | str | bool | None] | None = None
    description: str | None = None
    source: Annotated[list[str] | None, BeforeValidator(_as_list)] = None
    aliases: list[str] | None = None


SECTIONS = tuple(_Sections.model_fields)


@dataclass(frozen=True)
class Recipe:
    """One model file. `path` is the label that messages use, such as models/demo.yml."""

    name: str
    path: str
    command: Command
    env: dict[str, Value]
    sampling: dict[str, Value]
    description: str = ""
    source: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    alias_lines: tuple[int, ...] = ()

    @property
    def route_names(self) -> tuple[str, ...]:
        """Every name that clients may use for this model."""
        return (self.name, *self.aliases, AGENT_ROUTE)

    def layer(self) -> Layer:
        """What this file says, in the name space of the layers."""
        values = {BY_RECIPE_KEY[key].name: value for key, value in self.sampling.items()}
        values |= {f"env.{name}": value for name, value in self.env.items()}
        for flag in self.command.flags:
            if flag.name in BY_FLAG:
                values[BY_FLAG[flag.name].name] = Value(flag.value, flag.line, flag.name)
        return Layer(self.path, values)


def check_name(name: str) -> None:
    """Raises UsageError for a name that is no plain file name."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(f"{name!r} cannot be a model name", hint="a name is letters, digits, '.', '_' and '-': the file models/NAME.yml")


def model_names(folder: Path) -> list[str]:
    """The names of all model files in `folder`, sorted."""
    return sorted(path.name.removesuffix(".yml") for path in folder.glob("*.yml"))


def read_recipe(folder: Path, name: str) -> tuple[Recipe | None, list[Problem]]:
    """Read models/NAME.yml. Raises UsageError where there is none, naming the nearest."""
    check_name(name)
    path = folder / f"{name}.yml"
    label = f"{folder.name}/{name}.yml"
    try:
        text, problem = read_text(path, label)
    except FileNotFoundError:
        known = model_names(folder)
        near = sorted((other for other in known), key=lambda other: _distance(name, other))[:3]
        raise UsageError(
            f"there is no model {name!r}: {label} does not exist",
            hint=f"nearest: {', '.join(near)}; ./runMe.sh models lists all {len(known)}" if near else "models/ is empty",
        ) from None
    return (None, [problem]) if problem else parse_recipe(name, label, text)


def _distance(wanted: str, other: str) -> float:
    return -difflib.SequenceMatcher(None, wanted.lower(), other.lower()).ratio()


def parse_recipe(name: str, path: str, text: str) -> tuple[Recipe | None, list[Problem]]:
    """Type one model file; gives the recipe, or None with every problem found in the file."""
    document = read_document(path, text)
    if document.problems and not document.values:
        return None, document.problems
    sections, problems = _sections(document)
    command, found = _command(document)
    problems += document.problems + found + _env_problems(document) + _sampling_problems(document) + _alias_problems(document, name)
    if sections is None or command is None or problems:
        return None, list(dict.fromkeys(problems))
    return (
        Recipe(
            name=name,
            path=path,
            command=command,
            env={key: Value(text, document.line("env", key)) for key, text in (sections.env or {}).items()},
            sampling={key: Value(raw, document.line("litellm", key)) for key, raw in (sections.litellm or {}).items() if raw is not None},
            description=sections.description or "",
            source=tuple(sections.source or ()),
            aliases=tuple(sections.aliases or ()),
            alias_lines=tuple(document.line("aliases", index) for index in range(len(sections.aliases or ()))),
        ),
        [],
    )


def _sections(document: Document) -> tuple[_Sections | None, list[Problem]]:
    try:
        return _Sections.model_validate(document.values), []
    except ValidationError as error:
        return None, [_typing_problem(document, item) for item in error.errors()]


_EXPECTED = {
    "string_type": "text",
    "dict_type": "a mapping of names to values",
    "list_type": "a list",
    "int_type": "a number",
    "float_type": "a number",
    "bool_type": "a number",
}


def _typing_problem(document: Document, item: ErrorDetails) -> Problem:
    # pydantic adds the union member that it tried to the path; such parts are in no document
    loc = item["loc"][:2] if item["loc"][0] == "litellm" else item["loc"]
    line = document.line(*loc)
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")
    if item["type"] == "missing":
        return Problem(document.path, 1, f"the section `{shown}:` is missing", "it holds the vllm serve command")
    if item["type"] == "extra_forbidden":
        return Problem(document.path, line, f"unknown section `{shown}:`", did_you_mean(shown, SECTIONS) or "known: " + ", ".join(SECTIONS))
    expected = "a number" if len(loc) > 1 and loc[0] == "litellm" else _EXPECTED.get(item["type"], item["msg"])
    given = item["input"]
    hint = "put it in quotes" if expected == "text" and not (given is None or isinstance(given, (list, dict))) else ""
    return Problem(document.path, line, f"{shown} must be {expected}, not {_shown(given)}", hint)


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(value) if isinstance(value, (str, bytes)) else str(value)


def _command(document: Document) -> tuple[Command | None, list[Problem]]:
    text = document.values.get("command")
    if not isinstance(text, str):
        return None, []
    # the text of a block scalar (`command: |`) starts on the line after its key
    first_line = document.line("command") + (1 if "\n" in text else 0)
    try:
        command = parse_command(text, first_line)
    except CommandError as error:
        return None, [Problem(document.path, error.line, error.message, error.hint)]
    twice = [
        Problem(document.path, again.line, f"{again.tokens[0]} is given twice: line {first.line} has {first.tokens[0]} already")
        for first, again in duplicate_flags(command)
    ]
    empty = [
        Problem(document.path, flag.line, f"{flag.name} needs a value") for flag in command.flags if flag.name in BY_FLAG and not flag.value
    ]
    return command, twice + empty


def _env_problems(document: Document) -> list[Problem]:
    problems = []
    for name in _mapping(document, "env"):
        line = document.line("env", name)
        if not _VARIABLE.fullmatch(name):
            problems.append(Problem(document.path, line, f"{name!r} cannot be the name of an environment variable"))
        elif name in SECRETS:
            problems.append(misplaced_secret(name, document.path, line))
    return problems


def _sampling_problems(document: Document) -> list[Problem]:
    problems = []
    for key, raw in _mapping(document, "litellm").items():
        line = document.line("litellm", key)
        definition = BY_RECIPE_KEY.get(key)
        if definition is None:
            hint = did_you_mean(key, BY_RECIPE_KEY) or "known: " + ", ".join(BY_RECIPE_KEY)
            problems.append(Problem(document.path, line, f"unknown key litellm.{key}", hint))
        elif isinstance(raw, (int, float, str)):
            try:
                definition.parse(raw)
            except ValueError as error:
                problems.append(Problem(document.path, line, f"litellm.{key} {error}"))
    return problems


def _alias_problems(document: Document, name: str) -> list[Problem]:
    problems = []
    given = document.values.get("aliases")
    aliases = given if isinstance(given, list) else []
    for index, alias in enumerate(aliases):
        line = document.line("aliases", index)
        if not isinstance(alias, str):
            continue
        if not _NAME.fullmatch(alias) or ".." in alias:
            problems.append(Problem(document.path, line, f"the alias {alias!r} is no plain name", "letters, digits, '.', '_' and '-'"))
        elif alias in (name, AGENT_ROUTE):
            problems.append(Problem(document.path, line, f"{alias} is a name of this model already", "remove the alias"))
        elif alias in aliases[:index]:
            problems.append(Problem(document.path, line, f"the alias {alias} is given twice"))
    return problems


def _mapping(document: Document, section: str) -> dict[str, object]:
    value = document.values.get(section)
    return value if isinstance(value, dict) else {}
