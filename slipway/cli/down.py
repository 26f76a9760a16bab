"""`down`: stop everything."""

from __future__ import annotations

import click

from slipway.cli.context import make_app, with_overrides


@click.command("down")
@click.option("--volumes", is_flag=True, help="Delete the database and the logs too.")
@with_overrides
def command(volumes: bool, overrides: tuple[str, ...]) -> None:
    """Stop every part; keeps the database unless --volumes is given."""
    stopped = make_app(overrides).launcher().down(volumes=volumes)
    data = "; its data is deleted" if volumes else "; its data is kept"
    click.echo(f"stopped{data}" if stopped else "nothing was running")
