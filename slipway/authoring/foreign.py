"""Reads another project's recipe value by value, and knows at the end what nobody has asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from slipway.recipe_checks import IMAGE_PATTERN
from slipway.yaml_document import Document, Path


@dataclass(frozen=True, order=True)
class Dropped:
    """A part of a recipe that a model file cannot say, with the line where it stands."""

    line: int
    field: str
    why: str


@dataclass
class Foreign:
    """A document whose values are taken one by one; what is left over is reported."""

    document: Document
    taken: set[Path] = field(default_factory=set)
    dropped: list[Dropped] = field(default_factory=list)

    def peek(self, *path: str | int) -> object:
        """A value, or None; it counts as not taken."""
        value: object = self.document.values
        for part in path:
            if isinstance(value, dict):
                value = value.get(str(part))
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def take(self, *path: str | int) -> object:
        """A value with all that is in it."""
        value = self.peek(*path)
        if value is not None:
            self.taken.add(path)
        return value

    def text(self, *path: str | int) -> str:
        """A scalar as text; empty for None. A list or mapping is left, and reported in the end."""
        value = self.peek(*path)
        if value is None or isinstance(value, (dict, list)):
            return ""
        self.taken.add(path)
        return " ".join(value.split()) if isinstance(value, str) else _plain(value)

    def words(self, *path: str | int) -> list[str]:
        """A list of scalars as texts."""
        value = self.peek(*path)
        if not isinstance(value, list) or any(isinstance(item, (dict, list)) or item is None for item in value):
            return []
        self.taken.add(path)
        return [item if isinstance(item, str) else _plain(item) for item in value]

    def mapping(self, *path: str | int) -> dict[str, object]:
        """A mapping whose values are taken one by one; empty where there is none."""
        value = self.peek(*path)
        return dict(value) if isinstance(value, dict) else {}

    def environment(self, *path: str | int) -> dict[str, str]:
        """Names to texts; a number is written out, a value that is neither is left."""
        return {name: self.text(*path, name) for name, value in self.mapping(*path).items() if not isinstance(value, (dict, list))}

    def image(self, *path: str | int) -> str:
        """An image that can be pulled; anything else is reported, and so is `latest`, which would unpin what vars.env pins."""
        value = self.text(*path)
        if not value or ("/" in value and re.fullmatch(IMAGE_PATTERN, value) and not value.endswith(":latest")):
            return value
        why = "vars.env pins a version instead" if value.endswith(":latest") else "no image of a registry"
        self.note(f"{why}; choose the engine's image with `image:` or ENGINE_IMAGE", *path)
        return ""

    def drop(self, why: str, *path: str | int) -> None:
        """Report a value that a model file cannot say; one that is empty or missing is none."""
        value = self.take(*path)
        if value not in (None, "", [], {}, False):
            self.dropped.append(Dropped(self.document.line(*path), _name(path), why))

    def note(self, why: str, *path: str | int) -> None:
        """Report something about a value that was taken."""
        self.dropped.append(Dropped(self.document.line(*path), _name(path), why))

    def finish(self, reasons: Mapping[str, str]) -> tuple[Dropped, ...]:
        """Everything that was dropped or never asked for, in the order of the file; `reasons` by a field's last or first name."""
        for path in self._left((), self.document.values):
            why = reasons.get(str(path[-1])) or reasons.get(str(path[0])) or "a model file has no place for it"
            self.dropped.append(Dropped(self.document.line(*path), _name(path), why))
        return tuple(sorted(set(self.dropped)))

    def _left(self, path: Path, value: object) -> Iterator[Path]:
        if path in self.taken or value in (None, "", [], {}):
            return
        touched = any(other[: len(path)] == path for other in self.taken)
        if isinstance(value, dict) and touched:
            for key, inner in value.items():
                yield from self._left((*path, key), inner)
        elif not (isinstance(value, list) and touched):
            yield path


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
