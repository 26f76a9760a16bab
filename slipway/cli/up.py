"""`up`: launch a model, or switch a running stack to it."""

from __future__ import annotations

import click

from slipway.admission import check_requirements
from slipway.cli.context import make_app, with_overrides
from slipway.cli.display import open_reporter
from slipway.cli.snippets import welcome
from slipway.configuration import read_configuration


@click.command("up")
@click.argument("model", required=False, default="")
@click.option("--force", is_flag=True, help="Launch even what cannot run or fit on this machine.")
@with_overrides
def command(model: str, force: bool, overrides: tuple[str, ...]) -> None:
    """Launch MODEL (default: what MODEL= names), wait until it answers, and say how to use it."""
    app = make_app(overrides, model)
    configuration = read_configuration(app.sources)
    if not force:
        check_requirements(app.sources, configuration, app.engine_version())
        configuration = app.fit(configuration)
    app.preflight(configuration)
    with open_reporter() as reporter:
        access = app.launcher(reporter).up(configuration)
    click.echo(welcome(access))
