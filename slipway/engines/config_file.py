"""The YAML file that `vllm serve --config FILE` reads: its keys as arguments, each with the line it stands on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import PurePath

from slipway.errors import Problem
from slipway.flags import base_name, canonical_name, inline_value
from slipway.plan import Argument
from slipway.resolve import Source
from slipway.yaml_document import Document, read_document


def read_config_files(
    arguments: Sequence[Argument], read: Callable[[str], str]
) -> tuple[tuple[Argument, ...], tuple[Problem, ...], tuple[Problem, ...]]:
    """What the files behind `--config` say, and what is wrong with them: mistakes, then warnings."""
    found: list[Argument] = []
    errors: list[Problem] = []
    warnings: list[Problem] = []
    given = {base_name(argument.name): argument for argument in arguments}
    for argument in arguments:
        if argument.name != "--config" or len(argument.words) != 2:
            if argument.name == "--config" and inline_value(argument.words[0]) is not None:
                errors.append(_problem(argument, "vLLM does not read a file given as --config=FILE", "write --config FILE"))
            continue
        name = argument.words[1]
        try:
            document = _read(argument, name, read)
        except OSError as error:
            # a path inside a container, say
            elsewhere = PurePath(name).is_absolute()
            problem = _problem(argument, f"--config {name} cannot be read{' here' * elsewhere}: {error.strerror}")
            (warnings if elsewhere else errors).append(problem)
            continue
        errors += document.problems
        inside = _arguments(document)
        found += inside
        warnings += [_shadowed(item, given[base_name(item.name)]) for item in inside if base_name(item.name) in given]
    return tuple(found), tuple(errors), tuple(warnings)


def _problem(argument: Argument, message: str, hint: str = "") -> Problem:
    return Problem(argument.source.label, argument.source.line, message, hint)


def _shadowed(inner: Argument, outer: Argument) -> Problem:
    return _problem(inner, f"{inner.name} has no effect here: the command line has it too", f"from {outer.source}")


def _read(argument: Argument, name: str, read: Callable[[str], str]) -> Document:
    """The file's keys, or a document that holds what is wrong with it. Raises OSError."""
    problem = None
    if PurePath(name).suffix not in (".yaml", ".yml"):
        problem = _problem(argument, f"--config {name}: vLLM takes a .yaml or .yml file only")
    else:
        try:
            return read_document(name, read(name))
        except UnicodeDecodeError:
            problem = _problem(argument, f"--config {name} is not UTF-8 text")
    return Document(name, problems=[problem])


def _arguments(document: Document) -> list[Argument]:
    """One argument per key, by the rules of vLLM's own reader: true is a switch, lists are values, mappings are JSON."""
    found = []
    for key, value in document.values.items():
        name = canonical_name(f"--{key}")
        words: tuple[str, ...] = (f"--{key}",)
        if value is False:
            name, words = f"--no-{name[2:]}", (f"--no-{key}",)
        elif isinstance(value, list):
            words += tuple(map(str, value))
        elif isinstance(value, dict):
            words += (json.dumps(value, default=str),)
        elif value is not True:
            words += (str(value),)
        found.append(Argument(name, words, Source(document.path, document.line(key))))
    return found
