"""Reads a YAML mapping together with the line of every key and value, and every mistake in its syntax."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path as File

import yaml

from slipway.errors import Problem

# libyaml reads ten times faster; the pure Python loader gives the same values where it is missing.
_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_DEEPEST = 20

# where the construct begins says more than the end of the file, where the parser notices
_FROM_THE_START = ("while scanning a quoted scalar", "while scanning a simple key")

# what a terminal would obey instead of showing it
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Path = tuple[str | int, ...]


@dataclass
class Document:
    """The plain values of a YAML mapping, and where each stands: `lines[("env", "A")]` counts from 1."""

    path: str
    values: dict[str, object] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, *path: str | int) -> int:
        """The line of a value, or of its nearest parent that is known."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_text(file: File, label: str) -> tuple[str, Problem | None]:
    """A file's text, or the problem of one that cannot be read. Raises FileNotFoundError."""
    try:
        data = file.read_bytes()
        return data.decode("utf-8-sig"), None
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        return "", Problem(label, data[: error.start].count(b"\n") + 1, "the file is not UTF-8 text")
    except OSError as error:
        return "", Problem(label, 0, f"cannot be read: {error.strerror}")


def read_document(path: str, text: str) -> Document:
    """Parse `text`; syntax errors, duplicate keys, aliases and a top level that is no mapping become problems."""
    document = Document(path)
    loader = _Loader(text)
    try:
        document.problems += _structure_problems(path, text)
        node = None if document.problems else loader.get_single_node()
        if document.problems:
            pass
        elif node is None:
            document.problems.append(Problem(path, 1, "the file is empty", "a model file needs at least `command:`"))
        elif not isinstance(node, yaml.MappingNode):
            document.problems.append(Problem(path, 1, "the file must be a mapping of sections such as `command:`"))
        else:
            document.values = _mapping(node, (), document, loader)
    except yaml.YAMLError as error:
        document.problems.append(_syntax_problem(path, text, error))
    finally:
        loader.dispose()
    return document


def _structure_problems(path: str, text: str) -> list[Problem]:
    """What the parser would take but must not: a mapping that holds itself, and nesting that exhausts the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            return [Problem(path, line, f"YAML aliases such as *{event.anchor} are not supported", "write the value out")]
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return [Problem(path, line, "nested too deeply", "sections hold plain values and lists")]
    return []


def _mapping(node: yaml.MappingNode, at: Path, document: Document, loader: yaml.SafeLoader) -> dict[str, object]:
    values: dict[str, object] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if key is None or key_node.tag != "tag:yaml.org,2002:str":
            shown = key if key is not None else "a list or mapping"
            document.problems.append(Problem(document.path, line, f"a key must be text, not {shown}", "put it in quotes"))
            continue
        if _CONTROL.search(key) or set(key) & {"\n", "\t"}:
            document.problems.append(Problem(document.path, line, f"a key holds a control character: {key!r}"))
            continue
        if key in values:
            first = document.lines[(*at, key)]
            document.problems.append(Problem(document.path, line, f"duplicate key {key!r}: line {first} has it already"))
            continue
        document.lines[(*at, key)] = line
        values[key] = _value(value_node, (*at, key), document, loader)
    return values


def _value(node: yaml.Node, at: Path, document: Document, loader: yaml.SafeLoader) -> object:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, at, document, loader)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            document.lines[(*at, index)] = item.start_mark.line + 1
        return [_value(item, (*at, index), document, loader) for index, item in enumerate(node.value)]
    try:
        value: object = loader.construct_object(node)
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # a date such as 2026-13-45, or `!!bool maybe`
        reason = str(error) if isinstance(error, ValueError) else f"{node.value!r} is no {node.tag.rpartition(':')[2]}"
        raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark) from error
    if isinstance(value, str) and _CONTROL.search(value):
        line = node.start_mark.line + 1
        document.problems.append(Problem(document.path, line, "the value holds a control character", "write it without"))
    return value


def _syntax_problem(path: str, text: str, error: yaml.YAMLError) -> Problem:
    context = getattr(error, "context", None)
    marks = [getattr(error, "problem_mark", None), getattr(error, "context_mark", None)]
    if context in _FROM_THE_START:
        marks.reverse()
    mark = next(filter(None, marks), None)
    line = mark.line + 1 if mark else _unreadable_line(text, error)
    lines = text.splitlines()
    line = min(line, max(1, len(lines)))  # what is missing at the end is missing on the last line
    if 0 < line <= len(lines) and "\t" in lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())]:
        return Problem(path, line, "YAML forbids tabs in indentation", "use spaces")
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it does not parse"
    return Problem(path, line, "not valid YAML: " + ", ".join(filter(None, (context, reason))))


def _unreadable_line(text: str, error: yaml.YAMLError) -> int:
    """The line of a character that YAML does not allow; the C reader counts in bytes of UTF-8."""
    position = getattr(error, "position", None) or 0
    return text.encode()[:position].count(b"\n") + 1
