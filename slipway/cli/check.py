"""`check`: every problem of every model file, in one pass."""

from __future__ import annotations

import click

from slipway.cli.context import make_app, say_warnings, with_overrides
from slipway.configuration import configure, read_library
from slipway.engines.base import Findings
from slipway.engines.schema import version_meant
from slipway.errors import ConfigError
from slipway.recipe import model_names, read_bare_recipe


@click.command("check")
@click.argument("names", nargs=-1)
@with_overrides
def command(names: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    """Check the model files NAMES, or all of them, in every variant; exit 2 when one has a problem."""
    app = make_app(overrides)
    recipes, problems = read_library(app.sources, names)
    found = Findings(tuple(problems))
    broken = [name for name in names or model_names(app.sources.models) if name not in recipes]
    bare = [recipe for name in broken if (recipe := read_bare_recipe(app.sources.models, name))]
    for recipe in (*recipes.values(), *bare):
        for variant, hardware in recipe.editions():
            try:
                configuration = configure(app.sources, recipe, variant, hardware)
                running = app.engine_version(configuration.settings)
                found += app.findings(configuration, version_meant(configuration.recipe.requires.vllm, running))
            except ConfigError as error:
                found += Findings(error.problems)
    say_warnings(found)
    if found.errors:
        raise ConfigError(found.errors)
    click.echo(f"{len(recipes)} model file{'s' if len(recipes) != 1 else ''}: no problems")
