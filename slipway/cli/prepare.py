"""`prepare`: everything that a first launch would download and build, with nothing started."""

from __future__ import annotations

import click

from slipway.cli.context import make_app, with_overrides
from slipway.cli.display import open_reporter
from slipway.configuration import read_configuration


@click.command("prepare")
@click.argument("model", required=False, default="")
@with_overrides
def command(model: str, overrides: tuple[str, ...]) -> None:
    """Build the environments that a launch of MODEL needs."""
    app = make_app(overrides, model)
    configuration = read_configuration(app.sources)
    app.preflight(configuration)
    with open_reporter() as reporter:
        app.launcher(reporter).prepare(configuration)
    click.echo("everything that a launch needs is on this machine")
