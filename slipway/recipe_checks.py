"""Reads the parts of a model file that types alone do not settle, and finds every mistake in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from slipway.command import Command, CommandError, Flag, duplicate_flags, parse_command, parse_flags
from slipway.errors import Problem
from slipway.gpus import HARDWARE_NAMES, parse_memory
from slipway.layers import Value, did_you_mean, misplaced_secret
from slipway.model_file import NAME_PATTERN, PROFILE_PATTERN, OverlaySection, RequiresSection, VariantSection, shown_path
from slipway.overlay import BASE, Overlay
from slipway.parameters import is_known, parameter_types, parse_parameter
from slipway.requirements import Requirements, check_versions
from slipway.secrets import KNOWN as SECRETS
from slipway.settings import BY_FLAG, BY_RECIPE_KEY
from slipway.yaml_document import Document

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Flags whose value is the path of a file that a model file can bring along.
_FILE_FLAGS = frozenset({"--chat-template", "--tool-parser-plugin", "--reasoning-parser-plugin"})

Place = tuple[str, ...]


IMAGE_PATTERN = r"[a-z0-9][A-Za-z0-9._:/-]*(@sha256:[0-9a-f]{64})?"
# a name, extras, versions: https://packaging.python.org/en/latest/specifications/dependency-specifiers/
_VERSION = r"[<>=!~]=?=?[A-Za-z0-9.*+!_-]+"
PACKAGE_PATTERN = rf"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]+\])?({_VERSION}(,{_VERSION})*)?"


def content_problems(document: Document, own_names: tuple[str, ...], folder: Path | None) -> list[Problem]:
    """Every mistake but those of types and of the command's own syntax. `own_names` are no aliases."""
    problems = _env_problems(document, ("env",)) + _sampling_problems(document, ("litellm",))
    problems += _alias_problems(document, own_names) + _requires_problems(document, ("requires",)) + _file_problems(document, folder)
    problems += _container_problems(document)
    for name in _mapping(document, ("profiles",)):
        problems += _name_problems(document, ("profiles", name)) + _sampling_problems(document, ("profiles", name))
    for name in _mapping(document, ("variants",)):
        at = ("variants", name)
        problems += _name_problems(document, at) + _overlay_problems(document, at) + _requires_problems(document, (*at, "requires"))
        problems += _hardware_problems(document, (*at, "hardware"))
    return problems + _hardware_problems(document, ("hardware",))


def read_command(document: Document) -> tuple[Command | None, list[Problem]]:
    """The `command:` section, or what is wrong with it."""
    text = document.values.get("command")
    if not isinstance(text, str):
        return None, []
    try:
        command = parse_command(text, _first_line(document, ("command",), text))
    except CommandError as error:
        return None, [Problem(document.path, error.line, error.message, error.hint)]
    return command, _flag_problems(document, command.flags)


def overlays(document: Document, sections: Mapping[str, OverlaySection] | None, at: Place) -> tuple[Overlay, ...]:
    """The entries of a `variants:` or `hardware:` section that has no problems."""
    return tuple(_overlay(document, section, (*at, name)) for name, section in (sections or {}).items())


def _overlay(document: Document, section: OverlaySection, at: Place) -> Overlay:
    overlay = Overlay(
        name=at[-1],
        line=document.line(*at),
        description=section.description or "",
        flags=parse_flags(section.flags, _first_line(document, (*at, "flags"), section.flags)) if section.flags else (),
        env={key: Value(text, document.line(*at, "env", key)) for key, text in (section.env or {}).items()},
        remove={name: document.line(*at, "remove", index) for index, name in enumerate(section.remove or ())},
    )
    if not isinstance(section, VariantSection):
        return overlay
    return replace(
        overlay,
        model=section.model or "",
        model_line=document.line(*at, "model"),
        requires=read_requirements(document, section.requires, (*at, "requires")),
        hardware=overlays(document, section.hardware, (*at, "hardware")),
    )


def read_requirements(document: Document, section: RequiresSection | None, at: Place) -> Requirements:
    """A `requires:` section that has no problems."""
    if section is None:
        return Requirements()
    return Requirements(
        vllm=section.vllm or "",
        gpus=section.gpus or 0,
        memory=parse_memory(section.memory) if section.memory else 0,
        capability=section.capability or 0.0,
        lines={name: document.line(*at, name) for name in section.model_fields_set},
    )


def _first_line(document: Document, at: Place, text: str) -> int:
    """The text of a block scalar (`command: |`) starts on the line after its key."""
    return document.line(*at) + (1 if "\n" in text else 0)


def _flag_problems(document: Document, flags: tuple[Flag, ...]) -> list[Problem]:
    twice = [
        Problem(document.path, again.line, f"{again.tokens[0]} is given twice: line {first.line} has {first.tokens[0]} already")
        for first, again in duplicate_flags(flags)
    ]
    empty = [Problem(document.path, flag.line, f"{flag.name} needs a value") for flag in flags if flag.name in BY_FLAG and not flag.value]
    files = document.values.get("files")
    listed = files if isinstance(files, list) else []
    missing = [
        Problem(document.path, flag.line, f"{flag.name} names {flag.value!r}, which is not among `files:`", "list it there")
        for flag in flags
        if flag.value not in listed and names_file(flag)
    ]
    return twice + empty + missing


def names_file(flag: Flag) -> bool:
    """Whether a flag names a file that must lie beside the model file: vLLM would look for it where it happens to run."""
    # a chat template may also stand in the flag itself
    return flag.name in _FILE_FLAGS and not flag.value.startswith("/") and not set(flag.value) & set("{}\n") and "." in flag.value


def _overlay_problems(document: Document, at: Place) -> list[Problem]:
    problems = _env_problems(document, (*at, "env"))
    section = _mapping(document, at)
    text, removed = section.get("flags"), section.get("remove")
    if isinstance(text, str):
        try:
            problems += _flag_problems(document, parse_flags(text, _first_line(document, (*at, "flags"), text)))
        except CommandError as error:
            problems.append(Problem(document.path, error.line, error.message, error.hint))
    for index, name in enumerate(removed if isinstance(removed, list) else []):
        if isinstance(name, str) and not re.fullmatch(r"--?[A-Za-z][\w.-]*", name) and not _VARIABLE.fullmatch(name):
            line = document.line(*at, "remove", index)
            problems.append(
                Problem(document.path, line, f"{name!r} is neither a flag nor a variable", "write --flag or NAME, without a value")
            )
    return problems


def _hardware_problems(document: Document, at: Place) -> list[Problem]:
    problems = []
    for name in _mapping(document, at):
        if name not in HARDWARE_NAMES:
            hint = did_you_mean(name, HARDWARE_NAMES) or "known: " + ", ".join(HARDWARE_NAMES)
            problems.append(Problem(document.path, document.line(*at, name), f"unknown hardware {shown_path((*at, name))}", hint))
        problems += _overlay_problems(document, (*at, name))
    return problems


def _requires_problems(document: Document, at: Place) -> list[Problem]:
    problems = []
    checks = {"vllm": check_versions, "memory": parse_memory}
    for name, value in _mapping(document, at).items():
        if name in checks and isinstance(value, str):
            try:
                checks[name](value)
            except ValueError as error:
                problems.append(Problem(document.path, document.line(*at, name), f"{shown_path((*at, name))} {error}"))
    return problems


def _name_problems(document: Document, at: Place) -> list[Problem]:
    name, line = at[-1], document.line(*at)
    if not re.fullmatch(PROFILE_PATTERN, name):
        return [Problem(document.path, line, f"{name!r} cannot be a name in `{at[0]}:`", "letters, digits, '_' and '-'")]
    if at[0] == "variants" and name == BASE:
        return [Problem(document.path, line, f"no variant can be called {BASE}", "that is the name of the command as it stands")]
    return []


def _file_problems(document: Document, folder: Path | None) -> list[Problem]:
    problems = []
    files = document.values.get("files")
    for index, name in enumerate(files if isinstance(files, list) else []):
        if not isinstance(name, str):
            continue
        line = document.line("files", index)
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts or not name.isprintable():
            problems.append(
                Problem(document.path, line, f"{name!r} does not lie beside the model file", "name it from the folder of this file")
            )
        elif folder is not None and not (folder / name).is_file():
            problems.append(Problem(document.path, line, f"there is no file {folder.name}/{name}"))
    return problems


def _container_problems(document: Document) -> list[Problem]:
    image, packages = document.values.get("image"), document.values.get("extra_packages")
    problems = []
    if isinstance(image, str) and not re.fullmatch(IMAGE_PATTERN, image):
        problems.append(Problem(document.path, document.line("image"), f"{image!r} is no image", "NAME:TAG or NAME:TAG@sha256:DIGEST"))
    for index, package in enumerate(packages if isinstance(packages, list) else []):
        if isinstance(package, str) and not re.fullmatch(PACKAGE_PATTERN, package):
            line = document.line("extra_packages", index)
            problems.append(Problem(document.path, line, f"{package!r} is no Python package", "name, name==1.2 or name[extra]>=1.2"))
    return problems


def _env_problems(document: Document, at: Place) -> list[Problem]:
    problems = []
    for name in _mapping(document, at):
        line = document.line(*at, name)
        if not _VARIABLE.fullmatch(name):
            problems.append(Problem(document.path, line, f"{name!r} cannot be the name of an environment variable"))
        elif name in SECRETS:
            problems.append(misplaced_secret(name, document.path, line))
    return problems


def _sampling_problems(document: Document, at: Place) -> list[Problem]:
    problems = []
    for key, raw in _mapping(document, at).items():
        line, shown = document.line(*at, key), shown_path((*at, key))
        definition = BY_RECIPE_KEY.get(key)
        if not is_known(key):
            near = did_you_mean(key, [*BY_RECIPE_KEY, *parameter_types()])
            hint = near or f"known: {', '.join(BY_RECIPE_KEY)}, and parameters of LiteLLM and vLLM"
            problems.append(Problem(document.path, line, f"unknown key {shown}", hint))
        elif raw is not None:
            try:
                if definition:
                    definition.parse(raw)
                else:
                    parse_parameter(key, raw)
            except ValueError as error:
                problems.append(Problem(document.path, line, f"{shown} {error}"))
    return problems


def _alias_problems(document: Document, own_names: tuple[str, ...]) -> list[Problem]:
    problems = []
    given = document.values.get("aliases")
    aliases = given if isinstance(given, list) else []
    for index, alias in enumerate(aliases):
        line = document.line("aliases", index)
        if not isinstance(alias, str):
            continue
        if not re.fullmatch(NAME_PATTERN, alias) or ".." in alias:
            problems.append(Problem(document.path, line, f"the alias {alias!r} is no plain name", "letters, digits, '.', '_' and '-'"))
        elif alias in own_names:
            problems.append(Problem(document.path, line, f"{alias} is a name of this model already", "remove the alias"))
        elif alias in aliases[:index]:
            problems.append(Problem(document.path, line, f"the alias {alias} is given twice"))
    return problems


def _mapping(document: Document, at: Place) -> dict[str, object]:
    value: object = document.values
    for part in at:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
