"""`check`: every problem of every model file, in one pass."""

from __future__ import annotations

import click

from slipway.cli.context import make_app, with_overrides
from slipway.configuration import configure, read_library
from slipway.engines import build_plan
from slipway.errors import ConfigError
from slipway.plan import Site


@click.command("check")
@click.argument("names", nargs=-1)
@with_overrides
def command(names: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    """Check the model files NAMES, or all of them, in every variant; exit 2 when one has a problem."""
    app = make_app(overrides)
    recipes, problems = read_library(app.sources, names)
    site = Site(root=str(app.root), generated="/", secrets="/")
    for recipe in recipes.values():
        for variant, hardware in recipe.editions():
            try:
                build_plan(configure(app.sources, recipe, variant, hardware), app.hardware(), site)
            except ConfigError as error:
                problems += error.problems
    if problems:
        raise ConfigError(problems)
    click.echo(f"{len(recipes)} model file{'s' if len(recipes) != 1 else ''}: no problems")
