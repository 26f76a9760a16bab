"""A variant or a hardware override: what it changes in a model's command and environment.

The rule for flags: a flag replaces the same flag, or its negation, where that stands; a flag that is not there goes to the
end; `remove` takes flags and variables out before anything is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from slipway.command import REPEATABLE, Command, Flag
from slipway.flags import base_name, canonical_name
from slipway.layers import Value
from slipway.requirements import Requirements

# The name of the variant that is the `command:` section as it stands.
BASE = "base"


@dataclass(frozen=True)
class Overlay:
    """One entry of `variants:` or `hardware:`; `hardware` holds a variant's own overrides."""

    name: str
    line: int = 0
    description: str = ""
    model: str = ""
    flags: tuple[Flag, ...] = ()
    env: Mapping[str, Value] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    requires: Requirements = field(default_factory=Requirements)
    hardware: tuple[Overlay, ...] = ()


def apply_to_command(command: Command, overlay: Overlay) -> Command:
    """The command with the overlay's model and flags."""
    removed = {base_name(canonical_name(name)) for name in overlay.remove if name.startswith("-")}
    flags = [flag for flag in command.flags if base_name(flag.name) not in removed]
    places = {base_name(flag.name): place for place, flag in enumerate(flags)}
    for flag in overlay.flags:
        name = base_name(flag.name)
        if name in places and name not in REPEATABLE:
            before = flags[places[name]]
            flags[places[name]] = replace(flag, replaced=(before, *before.replaced))
        else:
            flags.append(flag)
    return Command(overlay.model or command.model, tuple(flags), command.line)


def apply_to_env(env: Mapping[str, Value], overlay: Overlay) -> dict[str, Value]:
    """The environment with the overlay's variables."""
    return {name: value for name, value in env.items() if name not in overlay.remove} | dict(overlay.env)
