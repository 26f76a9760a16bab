"""Folds the layers into settings: each knows its value, where it came from, and what it shadowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slipway.errors import Problem
from slipway.layers import PARAMETER_PREFIX, Layer
from slipway.parameters import parse_parameter
from slipway.settings import BY_NAME, Typed


@dataclass(frozen=True)
class Source:
    """A layer's label and the line in it, counted from 1; 0 where the layer has no lines."""

    label: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.label}:{self.line}" if self.line else self.label


@dataclass(frozen=True)
class Setting:
    """One resolved key. `shadowed` lists the values that lost, strongest first."""

    name: str
    value: Typed
    source: Source
    shadowed: tuple[tuple[Typed, Source], ...] = ()


@dataclass(frozen=True)
class Settings:
    """All resolved keys, and the problems met on the way."""

    items: Mapping[str, Setting]
    problems: tuple[Problem, ...] = ()

    def text(self, name: str) -> str:
        value = self.items[name].value if name in self.items else None
        return "" if value is None else str(value)

    def integer(self, name: str) -> int:
        value = self.items[name].value
        assert isinstance(value, int), f"{name} is no integer setting"
        return value

    def value(self, name: str) -> Typed:
        return self.items[name].value if name in self.items else None

    def source(self, name: str) -> Source:
        return self.items[name].source

    def starting_with(self, prefix: str) -> dict[str, Setting]:
        return {name: item for name, item in self.items.items() if name.startswith(prefix)}


def resolve_settings(layers: Sequence[Layer]) -> Settings:
    """Fold `layers`, weakest first. A value that does not parse is a problem at its own file and line.

    An empty value wins where a setting may be without one (a sampling default), else the weaker layer's stays.
    """
    items: dict[str, Setting] = {}
    problems = [problem for layer in layers for problem in layer.problems]
    for layer in layers:
        for name, value in ((name, one) for name, last in layer.values.items() for one in (*reversed(last.replaced), last)):
            source = Source(layer.label, value.line)
            try:
                typed = _typed(name, value.raw)
            except ValueError as error:
                problems.append(Problem(layer.label, value.line, f"{value.written or name} {error}"))
                continue
            before = items.get(name)
            if typed is None and before and name in BY_NAME and not BY_NAME[name].may_be_empty:
                continue
            shadowed = ((before.value, before.source), *before.shadowed) if before else ()
            items[name] = Setting(name, typed, source, shadowed)
    return Settings(items, tuple(problems))


def _typed(name: str, raw: object) -> Typed:
    definition = BY_NAME.get(name)
    if name.startswith(PARAMETER_PREFIX):
        return parse_parameter(name.removeprefix(PARAMETER_PREFIX), raw)
    return definition.parse(raw) if definition else str(raw)
