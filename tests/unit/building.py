"""Makes configurations and plans for tests from the text of a model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slipway.configuration import Configuration
from slipway.engines import build_plan
from slipway.hardware import Hardware
from slipway.layers import read_defaults, read_environ, read_overrides, read_vars
from slipway.plan import Plan, Site
from slipway.recipe import parse_recipe
from slipway.resolve import resolve_settings

SITE = Site(root="/slipway", generated="/generated", secrets="/secrets")


def configure(
    text: str, *, vars_env: str = "", environ: Mapping[str, str] | None = None, overrides: Sequence[str] = (), name: str = "m"
) -> Configuration:
    """The configuration of one model file, which must be right."""
    recipe, problems = parse_recipe(name, f"models/{name}.yml", text)
    assert recipe is not None, problems
    layers = [
        read_defaults(),
        read_vars("vars.env", vars_env, {}),
        recipe.layer(),
        read_environ(environ or {}),
        read_overrides(overrides),
    ]
    settings = resolve_settings(layers)
    assert settings.problems == ()
    return Configuration(recipe, settings)


def plan(text: str, *, vars_env: str = "", overrides: Sequence[str] = (), site: Site = SITE) -> Plan:
    """Everything that would run for one model file."""
    return build_plan(configure(text, vars_env=vars_env, overrides=overrides), Hardware("cpu"), site)
