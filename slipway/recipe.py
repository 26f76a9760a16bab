"""A model file, typed: the one place where what a person wrote becomes values the rest can trust."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from slipway.command import Command, CommandError, duplicate_flags, parse_command
from slipway.errors import Problem, UsageError
from slipway.layers import Layer, Value, did_you_mean
from slipway.settings import BY_FLAG, BY_RECIPE_KEY
from slipway.yaml_document import Document, read_document

# The route that always means "whatever is loaded".
AGENT_ROUTE = "vllm_agent"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Sections(BaseModel):
    """The sections of a model file as YAML gives them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    command: str
    env: dict[str, str] | None = None
    litellm: dict[str, int | float | str | bool | None] | None = None
    description: str = ""
    source: list[str] | str = ""
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
                values[BY_FLAG[flag.name].name] = Value(flag.value, flag.line)
        return Layer(self.path, values)


def check_name(name: str) -> None:
    """Raises UsageError for a name that is no plain file name."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(
            f"{name!r} cannot be a model name", hint="a name is letters, digits, '.', '_' and '-': the file models/NAME.yml"
        )


def model_names(folder: Path) -> list[str]:
    """The names of all model files in `folder`, sorted."""
    return sorted(path.name.removesuffix(".yml") for path in folder.glob("*.yml"))


def read_recipe(folder: Path, name: str) -> tuple[Recipe | None, list[Problem]]:
    """Read models/NAME.yml. Raises UsageError where there is none, naming the nearest."""
    check_name(name)
    path = folder / f"{name}.yml"
    label = f"{folder.name}/{name}.yml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        known = model_names(folder)
        near = sorted((other for other in known), key=lambda other: _distance(name, other))[:3]
        raise UsageError(
            f"there is no model {name!r}: {label} does not exist",
            hint=f"nearest: {', '.join(near)}; ./runMe.sh models lists all {len(known)}" if near else "models/ is empty",
        ) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return None, [Problem(label, line, "the file is not UTF-8 text")]
    except OSError as error:
        return None, [Problem(label, 0, f"cannot be read: {error.strerror}")]
    return parse_recipe(name, label, text)


def _distance(wanted: str, other: str) -> float:
    import difflib

    return -difflib.SequenceMatcher(None, wanted.lower(), other.lower()).ratio()


def parse_recipe(name: str, path: str, text: str) -> tuple[Recipe | None, list[Problem]]:
    """Type one model file; gives the recipe, or None with every problem found in the file."""
    document = read_document(path, text)
    problems = list(document.problems)
    if problems and not document.values:
        return None, problems
    try:
        sections = _Sections.model_validate(document.values)
    except ValidationError as error:
        return None, problems + _unique(_typing_problem(document, item) for item in error.errors()) + _command_problems(document)
    command, found = _command(document, sections.command)
    problems += found + _env_problems(document, sections) + _sampling_problems(document, sections) + _alias_problems(document, sections)
    if command is None or problems:
        return None, problems
    source = (sections.source,) if isinstance(sections.source, str) and sections.source else tuple(sections.source)
    recipe = Recipe(
        name=name,
        path=path,
        command=command,
        env={key: Value(text, document.line("env", key)) for key, text in (sections.env or {}).items()},
        sampling={key: Value(raw, document.line("litellm", key)) for key, raw in (sections.litellm or {}).items() if raw is not None},
        description=sections.description,
        source=source,
        aliases=tuple(sections.aliases or ()),
    )
    return recipe, []


def _unique(problems: object) -> list[Problem]:
    return list(dict.fromkeys(problems))  # type: ignore[call-overload, no-any-return]


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
    at = tuple(part for part in item["loc"] if not (isinstance(part, str) and re.search(r"[\[\]]|^(str|int|float|bool)$", part)))
    line = document.line(*at)
    shown = ".".join(str(part) for part in at)
    if item["type"] == "missing":
        return Problem(document.path, 1, f"the section `{shown}:` is missing", "it holds the vllm serve command")
    if item["type"] == "extra_forbidden":
        return Problem(document.path, line, f"unknown section `{shown}:`", did_you_mean(shown, SECTIONS) or "known: " + ", ".join(SECTIONS))
    kind = at[0] in ("litellm",) and len(at) > 1
    expected = "a number" if kind else "a list of text lines" if at[0] == "source" else _EXPECTED.get(item["type"], "")
    hint = "put it in quotes" if expected == "text" and isinstance(item["input"], (int, float, bool)) else ""
    return Problem(document.path, line, f"{shown} must be {expected or item['msg']}, not {_shown(item['input'])}", hint)


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else repr(value)


def _command_problems(document: Document) -> list[Problem]:
    text = document.values.get("command")
    return _command(document, text)[1] if isinstance(text, str) else []


def _command(document: Document, text: str) -> tuple[Command | None, list[Problem]]:
    # the text of a block scalar (`command: |`) starts on the line after its key
    first_line = document.line("command") + (1 if "\n" in text else 0)
    try:
        command = parse_command(text, first_line)
    except CommandError as error:
        return None, [Problem(document.path, error.line, error.message, error.hint)]
    return command, [
        Problem(document.path, again.line, f"{again.tokens[0]} is given twice: line {first.line} has {first.tokens[0]} already")
        for first, again in duplicate_flags(command)
    ]


def _env_problems(document: Document, sections: _Sections) -> list[Problem]:
    return [
        Problem(document.path, document.line("env", name), f"{name!r} cannot be the name of an environment variable")
        for name in sections.env or {}
        if not _VARIABLE.fullmatch(name)
    ]


def _sampling_problems(document: Document, sections: _Sections) -> list[Problem]:
    problems = []
    for key, raw in (sections.litellm or {}).items():
        line = document.line("litellm", key)
        definition = BY_RECIPE_KEY.get(key)
        if definition is None:
            hint = did_you_mean(key, BY_RECIPE_KEY) or "known: " + ", ".join(BY_RECIPE_KEY)
            problems.append(Problem(document.path, line, f"unknown key litellm.{key}", hint))
        elif raw is not None:
            try:
                definition.parse(raw)
            except ValueError as error:
                problems.append(Problem(document.path, line, f"litellm.{key}: {error}"))
    return problems


def _alias_problems(document: Document, sections: _Sections) -> list[Problem]:
    problems = []
    for index, alias in enumerate(sections.aliases or ()):
        line = document.line("aliases", index)
        if not _NAME.fullmatch(alias) or ".." in alias:
            problems.append(Problem(document.path, line, f"the alias {alias!r} is no plain name", "letters, digits, '.', '_' and '-'"))
        elif alias == AGENT_ROUTE:
            problems.append(Problem(document.path, line, f"{AGENT_ROUTE} is already a name of every model"))
    return problems
