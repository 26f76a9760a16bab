"""`check`: every problem of every model file, in one pass."""

from __future__ import annotations

import click

from slipway.cli.context import make_app, with_overrides
from slipway.configuration import check_library
from slipway.engines import build_plan
from slipway.errors import ConfigError
from slipway.plan import Site


@click.command("check")
@click.argument("names", nargs=-1)
@with_overrides
def command(names: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    """Check the model files NAMES, or all of them; exit 2 when one has a problem."""
    app = make_app(overrides)
    good, problems = check_library(app.sources, names)
    site = Site(root=str(app.root), generated="/", secrets="/")
    for configuration in good.values():
        try:
            build_plan(configuration, app.hardware(), site)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    click.echo(f"{len(good)} model file{'s' if len(good) != 1 else ''}: no problems")
