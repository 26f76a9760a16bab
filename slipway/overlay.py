"""A variant or a hardware override: what it changes in a model's command and environment.

The rule for flags: a flag replaces the same flag, or its negation, where that stands; a flag that is not there goes to the
end; `remove` takes flags and variables out before anything is added. `--flag.key` changes one key of a JSON value that is
there, and `--flag` replaces all that is given of its keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from slipway.command import REPEATABLE, Command, Flag
from slipway.flags import base_name, canonical_name
from slipway.layers import Value
from slipway.requirements import Requirements
from slipway.typed_values import merge_key

# The name of the variant that is the `command:` section as it stands.
BASE = "base"


@dataclass(frozen=True)
class Overlay:
    """One entry of `variants:` or `hardware:`; `hardware` holds a variant's own overrides."""

    name: str
    line: int = 0
    description: str = ""
    model: str = ""
    model_line: int = 0
    flags: tuple[Flag, ...] = ()
    env: Mapping[str, Value] = field(default_factory=dict)
    remove: Mapping[str, int] = field(default_factory=dict)  # flag or variable -> its line
    requires: Requirements = field(default_factory=Requirements)
    hardware: tuple[Overlay, ...] = ()


@dataclass(frozen=True)
class Removal:
    """A flag or variable that an overlay took out of a model file: what it said, each with its line, the last one first."""

    name: str
    overlay: str
    line: int
    lost: tuple[tuple[str, int], ...]


def find_removals(command: Command, env: Mapping[str, Value], overlay: Overlay) -> tuple[Removal, ...]:
    """What the overlay's `remove:` takes out of command and environment, in the order in which that stands there."""
    lines = {base_name(canonical_name(name)) if name.startswith("-") else name: line for name, line in overlay.remove.items()}
    found = [
        Removal(flag.name, overlay.name, lines[name], tuple((one.value, one.line) for one in (flag, *flag.replaced)))
        for flag in command.flags
        if (name := base_name(flag.name)) in lines
    ]
    found += [
        Removal(name, overlay.name, lines[name], tuple((str(one.raw), one.line) for one in (value, *value.replaced)))
        for name, value in env.items()
        if name in lines
    ]
    return tuple(found)


def apply_to_command(command: Command, overlay: Overlay) -> Command:
    """The command with the overlay's model and flags."""
    removed = {base_name(canonical_name(name)) for name in overlay.remove if name.startswith("-")}
    flags = [flag for flag in command.flags if base_name(flag.name) not in removed]
    for flag in overlay.flags:
        flags = _put(flags, flag)
    changed = replace(command, flags=tuple(flags))
    if not overlay.model:
        return changed
    return replace(changed, model=overlay.model, line=overlay.model_line, replaced=((command.model, command.line), *command.replaced))


def _put(flags: list[Flag], flag: Flag) -> list[Flag]:
    name = base_name(flag.name)
    whole, dot, _ = name.partition(".")
    place = next((place for place, before in enumerate(flags) if base_name(before.name) == whole), None) if dot else None
    value = None if place is None else merge_key(flags[place].value, flag.name, flag.value)
    if place is not None and value is not None:
        changed = Flag(whole, (whole, value), flag.line, (flags[place], *flags[place].replaced))
        return [*flags[:place], changed, *flags[place + 1 :]]
    same = [before for before in flags if base_name(before.name) == name or base_name(before.name).startswith(f"{name}.")]
    if not same or name in REPEATABLE:
        return [*flags, flag]
    lost = tuple(older for before in same for older in (before, *before.replaced))
    return [replace(flag, replaced=lost) if before is same[0] else before for before in flags if before not in same[1:]]


def apply_to_env(env: Mapping[str, Value], overlay: Overlay) -> dict[str, Value]:
    """The environment with the overlay's variables."""
    kept = {name: value for name, value in env.items() if name not in overlay.remove}
    for name, value in overlay.env.items():
        before = kept.get(name)
        kept[name] = replace(value, replaced=(replace(before, replaced=()), *before.replaced)) if before else value
    return kept
