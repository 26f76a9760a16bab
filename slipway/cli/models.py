"""`models`: what can be launched."""

from __future__ import annotations

import click

from slipway.cli.context import make_app, with_overrides
from slipway.cli.tables import format_table
from slipway.configuration import check_library


@click.command("models")
@with_overrides
def command(overrides: tuple[str, ...]) -> None:
    """List the models in models/, one line each."""
    good, problems = check_library(make_app(overrides).sources)
    rows = [
        (
            name,
            item.recipe.command.model,
            " ".join(overlay.name for overlay in item.recipe.variants),
            " ".join(f":{profile.name}" for profile in item.recipe.profiles),
            item.recipe.description,
        )
        for name, item in sorted(good.items())
    ]
    click.echo(format_table(("name", "model", "variants", "profiles", "what it is"), rows))
    if problems:
        click.echo(f"\nmodel files have problems, {len(problems)} in all: ./runMe.sh check", err=True)
