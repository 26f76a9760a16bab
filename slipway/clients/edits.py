"""A tool's configuration file before and after: the new text, checked, and the way back."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway.clients import jsonc, toml_text, yaml_text
from slipway.clients.base import FileChange, Place
from slipway.errors import UsageError


@dataclass(frozen=True)
class _Format:
    """`set_value` may not understand a text or get it wrong, `read` never does: it is the format's own parser."""

    read: Callable[[str], Any]
    set_value: Callable[[str, Place, Any], str]
    empty: str = ""


_JSON = _Format(jsonc.read, jsonc.set_value, "{}\n")
_YAML = _Format(yaml.safe_load, yaml_text.set_value)
_FORMATS = {".yml": _YAML, ".yaml": _YAML, ".toml": _Format(tomllib.loads, toml_text.set_value)}


def changed_text(change: FileChange, before: str | None) -> str:
    """The file's text with the change in it. Raises UsageError where the file cannot be changed safely."""
    if before and "\r\n" in before:
        return changed_text(change, before.replace("\r\n", "\n")).replace("\n", "\r\n")
    form = _FORMATS.get(change.path.suffix, _JSON)
    text = before if before and before.strip() else change.empty or form.empty
    try:
        wanted = form.read(text)
        for place, value in change.values.items():
            text = form.set_value(text, place, value)
            wanted = _put(wanted, place, value)
        same = form.read(text) == wanted
    except (ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UsageError(f"cannot change {change.path}: {error}", hint="correct the file, or paste the settings by hand") from error
    if not same:
        raise UsageError(f"cannot change {change.path} and keep the rest as it is", hint="paste the settings by hand")
    return text


def _put(data: Any, place: Place, value: Any) -> Any:
    """`data` with `value` at `place`, as plain values: what the changed text must read as."""
    if not place:
        return value
    step, *rest = place
    if isinstance(step, tuple):
        items = list(data or ())
        number = next((n for n, item in enumerate(items) if isinstance(item, dict) and item.get(step[0]) == step[1]), len(items))
        items[number : number + 1] = [_put(items[number] if number < len(items) else None, tuple(rest), value)]
        return items
    found = dict(data or {})
    found[step] = _put(found.get(step), tuple(rest), value)
    return found


def undone_text(path: Path, before: str | None, after: str, now: str) -> str | None:
    """The file without the change, with what others wrote since; None where there was no file.

    Raises UsageError where what was written cannot be told from later changes.
    """
    if now == after:
        return before
    old, new, current = ((text or "").splitlines(keepends=True) for text in (before, after, now))
    # from the end, so that what lies in front keeps its place
    for kind, old_start, old_end, new_start, new_end in reversed(difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()):
        if kind == "equal":
            continue
        written = new[new_start:new_end]
        places = [n for n in range(len(current) - len(written) + 1) if current[n : n + len(written)] == written]
        if not written or len(places) != 1:
            raise UsageError(
                f"cannot take the change out of {path}: the file was changed at the same place since",
                hint=f"{backup_path(path)} is the file as it was" if before is not None else "remove the entries by hand",
            )
        current[places[0] : places[0] + len(written)] = old[old_start:old_end]
    return "".join(current)


def backup_path(path: Path) -> Path:
    return path.with_name(path.name + ".before-slipway")


def difference(path: Path, before: str | None, after: str | None) -> str:
    """A unified diff; empty where nothing changes."""
    lines = difflib.unified_diff(
        (before or "").splitlines(),
        (after or "").splitlines(),
        str(path) if before is not None else "/dev/null",
        str(path) if after is not None else "/dev/null",
        lineterm="",
    )
    return "\n".join(lines)
