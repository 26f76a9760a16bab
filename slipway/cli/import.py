"""`import`: a recipe of another project becomes a model file."""

from __future__ import annotations

import click

from slipway.authoring.fetch import read_text
from slipway.authoring.recipes import draft_from_recipe
from slipway.authoring.writing import write_draft
from slipway.cli.context import make_app, with_overrides


@click.command("import")
@click.argument("source", metavar="FILE|URL")
@click.option("--name", default="", help="The new model's name; default: made from the model's id.")
@with_overrides
def command(source: str, name: str, overrides: tuple[str, ...]) -> None:
    """Turn a recipe of the vLLM recipes collection or of sparkrun into models/NAME.yml, and say what it could not carry over."""
    app = make_app(overrides)
    draft, dropped = draft_from_recipe(source, read_text(source))
    draft.name = name or draft.name
    path, problems = write_draft(draft, app.sources.models)
    click.echo(f"wrote models/{path.name}")
    if dropped:
        click.echo("\nnot carried over:")
    for item in dropped:
        click.echo(f"  {source}:{item.line}: {item.field}: {item.why}")
    if problems:
        click.echo("\nto be put right by hand:")
    for problem in problems:
        click.echo(f"  {problem}")
    click.echo(f"\nRead it, then: ./runMe.sh check {draft.name}")
