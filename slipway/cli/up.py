"""`up`: launch a model, or switch a running stack to it."""

from __future__ import annotations

import click

from slipway.cli.context import make_app, with_overrides
from slipway.cli.display import open_reporter
from slipway.cli.snippets import welcome
from slipway.configuration import read_configuration


@click.command("up")
@click.argument("model", required=False, default="")
@with_overrides
def command(model: str, overrides: tuple[str, ...]) -> None:
    """Launch MODEL (default: what MODEL= names), wait until it answers, and say how to use it."""
    app = make_app(overrides, model)
    configuration = read_configuration(app.sources)
    with open_reporter() as reporter:
        access = app.launcher(reporter).up(configuration)
    click.echo(welcome(access))
