"""The sections of a model file as YAML gives them: their types, and what is wrong with the types of a file."""

from __future__ import annotations

import difflib
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from slipway.errors import Problem
from slipway.layers import did_you_mean
from slipway.yaml_document import Document

# letters, digits and a few marks, so that a name is a plain file name and fits behind `model:`
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
PROFILE_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]*"


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RequiresSection(_Section):
    """What the model needs; a launch on a machine that is known to have less is refused."""

    vllm: str | None = Field(None, description="versions of vLLM that can serve it: '0.24' (or newer), '>=0.24,<0.33'")
    gpus: int | None = Field(None, ge=1, description="number of GPUs")
    memory: str | None = Field(None, description="memory of all those GPUs together: 80GB (10^9) or 75GiB (2^30)")
    capability: float | None = Field(None, gt=0, description="least CUDA compute capability: 8.9 (Ada), 9.0 (Hopper), 10.0 (Blackwell)")


class OverlaySection(_Section):
    """What changes in the command and the environment."""

    description: str | None = Field(None, description="one line for people")
    flags: str | None = Field(None, description="flags to add, or to put in place of the same flag of the command")
    env: dict[str, str] | None = Field(None, description="environment variables to add or replace; numbers need quotes")
    remove: list[str] | None = Field(None, description="flags (--name) and environment variables (NAME) to take out")


class VariantSection(OverlaySection):
    """The same model in another form, such as fp8 or nvfp4; chosen by VARIANT, or because it fits where the command does not."""

    model: str | None = Field(None, description="id of its checkpoint on the Hugging Face hub, a path, or ./folder")
    requires: RequiresSection | None = Field(None, description="what it needs, where that differs from the file's `requires:`")
    hardware: dict[str, OverlaySection] | None = Field(None, description="what changes for this variant on some hardware")


class Sections(_Section):
    """A model file of Slipway: how vLLM serves one model, and the sampling that suits it."""

    description: str | None = Field(None, description="one line for `./runMe.sh models`")
    source: Annotated[list[str] | None, BeforeValidator(_as_list)] = Field(None, description="where the facts in the file come from")
    aliases: list[str] | None = Field(None, description="more names under which clients reach the model")
    requires: RequiresSection | None = Field(None, description="what the model needs")
    command: str = Field(description="the `vllm serve MODEL` command, as in a shell, but never run by one")
    files: list[str] | None = Field(None, description="files beside the model file that flags name: chat templates, parser plugins")
    env: dict[str, str] | None = Field(None, description="environment variables of the engine; numbers need quotes")
    litellm: dict[str, object] | None = Field(None, description="sampling defaults, for a client that does not say")
    profiles: dict[str, dict[str, object]] | None = Field(None, description="named sampling sets; each is a route `model:profile`")
    variants: dict[str, VariantSection] | None = Field(None, description="other checkpoints and flags for the same model")
    hardware: dict[str, OverlaySection] | None = Field(None, description="what changes on some hardware, such as blackwell or gb10")
    image: str | None = Field(None, description="with Docker: the engine's image instead of ENGINE_IMAGE")
    extra_packages: list[str] | None = Field(None, description="with Docker: Python packages to add to the engine's image")


SECTIONS = tuple(Sections.model_fields)


def read_sections(document: Document) -> tuple[Sections | None, list[Problem]]:
    """The typed sections of a file, or every problem with their types."""
    try:
        return Sections.model_validate(document.values), []
    except ValidationError as error:
        return None, [_typing_problem(document, item) for item in error.errors(include_url=False)]


_EXPECTED = {
    "string_type": "text",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
    "list_type": "a list",
    "int_type": "a whole number",
    "float_type": "a number",
    "greater_than_equal": "at least 1",
    "greater_than": "above 0",
    "finite_number": "a number",
}


def _typing_problem(document: Document, item: ErrorDetails) -> Problem:
    loc = item["loc"]
    line = document.line(*loc)
    name = shown_path(loc)
    if item["type"] == "missing":
        return Problem(document.path, 1, f"the section `{name}:` is missing", "it holds the vllm serve command")
    if item["type"] == "extra_forbidden":
        known = _known_keys(loc)
        what = f"unknown section `{name}:`" if len(loc) == 1 else f"unknown key {name}"
        return Problem(document.path, line, what, did_you_mean(str(loc[-1]), known) or "known: " + ", ".join(known))
    expected = _EXPECTED.get(item["type"], item["msg"])
    given = item["input"]
    hint = "put it in quotes" if expected == "text" and not (given is None or isinstance(given, (list, dict))) else ""
    return Problem(document.path, line, f"{name} must be {expected}, not {shown_value(given)}", hint)


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    if len(loc) == 1:
        return list(SECTIONS)
    if loc[-2] == "requires":
        return list(RequiresSection.model_fields)
    return list((VariantSection if loc[-3] == "variants" else OverlaySection).model_fields)


def shown_path(loc: tuple[int | str, ...]) -> str:
    """`aliases[0]`, `env.A`: a place in a file, for messages."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def shown_value(value: object) -> str:
    """What a person wrote, as a message repeats it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(value) if isinstance(value, (str, bytes)) else str(value)


def nearest(word: str, known: list[str]) -> list[str]:
    """The three names most like `word`, best first."""
    return sorted(known, key=lambda other: -difflib.SequenceMatcher(None, word.lower(), other.lower()).ratio())[:3]
