"""Makes configurations and plans for tests from the text of a model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slipway.configuration import Configuration, Sources, choose_variant
from slipway.configuration import configure as configure_recipe
from slipway.engines import build_plan
from slipway.hardware import Hardware, read_hardware
from slipway.layers import read_defaults, read_environ, read_overrides, read_vars
from slipway.plan import Plan, Site
from slipway.recipe import parse_recipe

HARDWARE = Hardware("cpu")
SITE = Site(root="/slipway", generated="/generated", secrets="/secrets")


def configure(
    text: str,
    *,
    vars_env: str = "",
    environ: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    hardware: Hardware | None = HARDWARE,
) -> Configuration:
    """The configuration of one model file, which must be right; without `hardware`, for the machine that the settings name."""
    recipe, problems = parse_recipe("m", "models/m.yml", text)
    assert recipe is not None, problems
    weak, strong = (read_defaults(), read_vars("vars.env", vars_env, {})), (read_environ(environ or {}), read_overrides(overrides))
    sources = Sources(Path("models"), weak, strong, lambda wish: hardware or read_hardware(wish, Path("/nowhere")))
    return configure_recipe(sources, recipe, choose_variant(sources, recipe), sources.hardware.names)


def configure_plan(text: str, **more: Any) -> Plan:
    """Everything that would run for one model file; `more` as for `configure`."""
    return build_plan(configure(text, **more), HARDWARE, SITE)


def plan(text: str, *, vars_env: str = "", overrides: Sequence[str] = (), site: Site = SITE) -> Plan:
    """Everything that would run for one model file."""
    return build_plan(configure(text, vars_env=vars_env, overrides=overrides), HARDWARE, site)
