"""A model file that is being written: its values with comments, and the text that they make."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from slipway.command import Flag, parse_flags
from slipway.model_file import NAME_PATTERN
from slipway.model_schema import SCHEMA_COMMENT

_WIDTH = 118


@dataclass
class DraftOverlay:
    """A variant or a hardware override."""

    description: str = ""
    model: str = ""
    flags: Sequence[Flag] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    requires: Mapping[str, object] = field(default_factory=dict)
    hardware: Mapping[str, DraftOverlay] = field(default_factory=dict)


@dataclass
class Draft:
    """What will stand in a model file. `comments` explains a key: `litellm.top_k`, `requires.memory` or a flag's name."""

    name: str
    model: str
    description: str = ""
    source: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    requires: dict[str, object] = field(default_factory=dict)
    flags: list[Flag] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    litellm: dict[str, object] = field(default_factory=dict)
    profiles: dict[str, dict[str, object]] = field(default_factory=dict)
    variants: dict[str, DraftOverlay] = field(default_factory=dict)
    hardware: dict[str, DraftOverlay] = field(default_factory=dict)
    image: str = ""
    extra_packages: list[str] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)


def plain_name(text: str) -> str:
    """A file name made from a model's id or a title: `Qwen/Qwen3.6-27B` becomes qwen3.6-27b."""
    name = re.sub(r"[^a-z0-9._-]+", "-", text.rpartition("/")[2].lower()).strip("-._")
    name = re.sub(r"\.{2,}", ".", name)
    return name if re.fullmatch(NAME_PATTERN, name) else "model"


def flags_of(words: Iterable[str]) -> list[Flag]:
    """Flags from words as other projects list them; `--a b` may stand in one of them. Raises CommandError."""
    split = [part for word in words for part in (shlex.split(word) if word.startswith("-") and " " in word else [word])]
    return list(parse_flags(shlex.join(split)))


def draft_text(draft: Draft) -> str:
    """The model file."""
    lines = [SCHEMA_COMMENT.rstrip("\n"), *_scalar("description", draft.description), *_list("source", draft.source)]
    if draft.aliases:
        lines.append(f"aliases: {_flow(draft.aliases)}")
    for note in map(_printable, draft.notes):
        lines += textwrap.wrap(note, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False, break_on_hyphens=False)
    lines += _mapping("requires", draft.requires, draft.comments)
    lines += ["command: |", *_command(draft)]
    lines += _mapping("env", draft.env, draft.comments)
    lines += _mapping("litellm", draft.litellm, draft.comments)
    lines += _profiles(draft)
    lines += _overlays("variants", draft.variants)
    lines += _overlays("hardware", draft.hardware)
    lines += _scalar("image", draft.image) + _scalar("extra_packages", draft.extra_packages)
    return "\n".join(lines) + "\n"


def _command(draft: Draft) -> list[str]:
    """One flag a line; comments go in front of the line, as a shell would have them after a finished line only."""
    lines = [f"  vllm serve {shlex.quote(draft.model)}"]
    for flag in draft.flags:
        comment = draft.comments.get(flag.name)
        lines.append(f"    {shlex.join(flag.tokens)}" + (f"  # {_printable(comment)}" if comment else ""))
    # a comment ends with its line, and a line break is white space with a backslash or without
    return [line if last or "  # " in line else f"{line} \\" for line, last in zip(lines, [False] * (len(lines) - 1) + [True], strict=True)]


def _printable(text: str) -> str:
    """A comment's text: YAML takes no control characters, and a line break would end it."""
    return "".join(character if character.isprintable() else " " for character in text)


def _scalar(key: str, value: object) -> list[str]:
    return [f"{key}: {_flow(value)}"] if value else []


def _list(key: str, values: Sequence[str]) -> list[str]:
    return [f"{key}:", *(f"  - {_flow(value)}" for value in values)] if values else []


def _mapping(section: str, values: Mapping[str, object], comments: Mapping[str, str], indent: str = "") -> list[str]:
    if not values:
        return []
    lines = [f"{indent}{section}:"]
    for key, value in values.items():
        comment = comments.get(f"{section}.{key}")
        lines.append(f"{indent}  {_flow(key)}: {_flow(value)}" + (f"  # {_printable(comment)}" if comment else ""))
    return lines


def _profiles(draft: Draft) -> list[str]:
    lines = ["profiles:"] if draft.profiles else []
    for name, values in draft.profiles.items():
        comment = draft.comments.get(f"profiles.{name}")
        lines.append(f"  {_flow(name)}:" + (f"  # {_printable(comment)}" if comment else ""))
        lines += [f"    {_flow(key)}: {_flow(value)}" for key, value in values.items()]
    return lines


def _overlays(section: str, overlays: Mapping[str, DraftOverlay], indent: str = "") -> list[str]:
    if not overlays:
        return []
    lines = [f"{indent}{section}:"]
    for name, overlay in overlays.items():
        inner = f"{indent}    "
        lines.append(f"{indent}  {_flow(name)}:")
        lines += [f"{inner}{line}" for line in (*_scalar("description", overlay.description), *_scalar("model", overlay.model))]
        if overlay.flags:
            lines += [f"{inner}flags: |", *(f"{inner}  {shlex.join(flag.tokens)}" for flag in overlay.flags)]
        lines += _mapping("env", overlay.env, {}, inner) + _mapping("requires", overlay.requires, {}, inner)
        lines += _overlays("hardware", overlay.hardware, inner)
    return lines


def _flow(value: object) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
