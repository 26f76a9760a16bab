"""`new`: a model's own files become a model file."""

from __future__ import annotations

import click

from slipway.authoring.from_model import draft_from_model
from slipway.authoring.model_files import find_files
from slipway.authoring.writing import write_draft
from slipway.cli.context import make_app, with_overrides
from slipway.secrets import read_secrets


@click.command("new")
@click.argument("model", metavar="HF_ID")
@click.option("--name", default="", help="The new model's name; default: made from the model's id.")
@with_overrides
def command(model: str, name: str, overrides: tuple[str, ...]) -> None:
    """Write models/NAME.yml for a model on the Hugging Face hub, or in a folder, from its configuration; no weights are read."""
    app = make_app(overrides)
    files = find_files(model, app.hub_environ, read_secrets(app.root / "secrets", app.environ).get("HF_TOKEN"))
    draft = draft_from_model(model, files, app.root)
    draft.name = name or draft.name
    path, problems = write_draft(draft, app.sources.models)
    click.echo(f"wrote models/{path.name} from {files.name}")
    for problem in problems:
        click.echo(f"  {problem}")
    click.echo(f"\nIts comments say what was read and what was guessed. Read it, then: ./runMe.sh check {draft.name}")
