"""`logs`: what the parts have written."""

from __future__ import annotations

import click

from slipway.cli.context import make_app, with_overrides


@click.command("logs")
@click.argument("part", required=False, default="")
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=200, show_default=True, help="How many of the last lines to begin with.")
@with_overrides
def command(part: str, follow: bool, lines: int, overrides: tuple[str, ...]) -> None:
    """Print the log of PART (engine, gateway, database, supervisord), or of all of them."""
    for line in make_app(overrides).launcher().logs(part, follow=follow, lines=lines):
        click.echo(line)
