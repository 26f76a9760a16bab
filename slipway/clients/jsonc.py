"""Changes values in JSON text, with or without comments, and leaves every other character as it is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_BLANK = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_WORD = re.compile(r"[^\s,\[\]{}:\"/]+")


@dataclass
class Node:
    """A value and where it stands: text[start:end]. `keys` go with the `children` of an object."""

    start: int
    end: int
    kind: str  # object, array or scalar
    scalar: Any = None
    keys: list[str] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    trailing_comma: bool = False

    @property
    def value(self) -> Any:
        if self.kind == "object":
            return dict(zip(self.keys, (child.value for child in self.children), strict=True))
        return [child.value for child in self.children] if self.kind == "array" else self.scalar


def parse(text: str) -> Node:
    """Raises ValueError("line N: …") for text that is no JSON with comments."""
    reader = _Reader(text)
    node = reader.value()
    if reader.blank() != len(text):
        raise reader.error("something follows the end")
    return node


def read(text: str) -> Any:
    """What the text stands for, as plain values. Raises ValueError."""
    return parse(text).value


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def error(self, what: str) -> ValueError:
        return ValueError(f"line {self._text.count(chr(10), 0, self._at) + 1}: {what}")

    def blank(self) -> int:
        match = _BLANK.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return self._at

    def _take(self, pattern: re.Pattern[str], what: str) -> Any:
        match = pattern.match(self._text, self._at)
        try:
            found = json.loads(match[0]) if match else None
        except ValueError:
            match = None
        if not match:
            raise self.error(f"expected {what}")
        self._at = match.end()
        return found

    def value(self) -> Node:
        start = self.blank()
        head = self._text[start : start + 1]
        if head == "{":
            return self._container(start, "object", "}")
        if head == "[":
            return self._container(start, "array", "]")
        scalar = self._take(_STRING if head == '"' else _WORD, "a value")
        return Node(start, self._at, "scalar", scalar)

    def _container(self, start: int, kind: str, closing: str) -> Node:
        node = Node(start, start, kind)
        self._at += 1
        while self._text[self.blank() : self._at + 1] != closing:
            if node.children and not node.trailing_comma:
                raise self.error("expected a comma")
            if kind == "object":
                node.keys.append(self._take(_STRING, "a name in quotes"))
                if self._text[self.blank() : self._at + 1] != ":":
                    raise self.error("expected a colon")
                self._at += 1
            node.children.append(self.value())
            node.trailing_comma = self._text[self.blank() : self._at + 1] == ","
            self._at += node.trailing_comma
        self._at += 1
        node.end = self._at
        return node


def set_value(text: str, place: tuple[str | tuple[str, str], ...], value: Any) -> str:
    """`text` with `value` at `place`; objects on the way are made where they are missing. Raises ValueError."""
    node, unit = parse(text), _indent_unit(text)
    for depth, step in enumerate(place):
        index = find(node, step)
        if index is None:
            for missing in reversed(place[depth + 1 :]):
                value = [value] if isinstance(missing, tuple) else {missing: value}
            return _insert(text, node, step, value, unit)
        node = node.children[index]
    if node.value == value:
        return text
    return text[: node.start] + _dump(value, unit, _indent_at(text, node.start)) + text[node.end :]


def find(node: Node, step: str | tuple[str, str]) -> int | None:
    """The number of the child that `step` names. Raises ValueError where the value can have no such child."""
    wanted = "array" if isinstance(step, tuple) else "object"
    if node.kind != wanted:
        raise ValueError(f"there is {'a single value' if node.kind == 'scalar' else 'an ' + node.kind} where an {wanted} should be")
    if isinstance(step, str):
        return node.keys.index(step) if step in node.keys else None
    values = [child.value for child in node.children]
    return next((number for number, item in enumerate(values) if isinstance(item, dict) and item.get(step[0]) == step[1]), None)


def _insert(text: str, node: Node, step: str | tuple[str, str], value: Any, unit: str) -> str:
    """A new last child: after the comments that follow the last one, which keeps its comma beside it."""
    outer = _indent_at(text, node.start)
    inner = _indent_at(text, node.children[0].start) if node.children and "\n" in text[node.start : node.end] else outer + unit
    new = (f"{json.dumps(step)}: " if isinstance(step, str) else "") + _dump(value, unit, inner)
    closing = node.end - 1
    end = len(text[:closing].rstrip())
    if not node.children or node.trailing_comma:
        return f"{text[:end]}\n{inner}{new}\n{outer}{text[closing:]}"
    last = node.children[-1].end
    return f"{text[:last]},{text[last:end]}\n{inner}{new}\n{outer}{text[closing:]}"


def _dump(value: Any, unit: str, indent: str) -> str:
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", "\n" + indent)


def _indent_at(text: str, position: int) -> str:
    """The blanks that begin the line of a position."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip())]


def _indent_unit(text: str) -> str:
    match = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    return match[1] if match else "  "
