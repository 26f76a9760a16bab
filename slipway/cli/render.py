"""`render`: what a launch would write and run, with nothing started."""

from __future__ import annotations

from pathlib import Path

import click

from slipway.cli.context import make_app, with_overrides
from slipway.configuration import read_configuration
from slipway.render import RenderedFile, write_files


@click.command("render")
@click.argument("model", required=False, default="")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write the files into a folder.")
@with_overrides
def command(model: str, folder: Path | None, overrides: tuple[str, ...]) -> None:
    """Print every file and command that a launch of MODEL would use."""
    app = make_app(overrides, model)
    configuration = app.fit(read_configuration(app.sources), refuse=False)
    app.preflight(configuration)
    rendering = app.rendering(configuration)
    if folder:
        files = tuple(RenderedFile(folder / file.path.name, file.text, file.mode) for file in rendering.files)
        write_files(files)
        click.echo("\n".join(str(file.path) for file in files))
        return
    for file in rendering.files:
        click.echo(f"# ---- {file.path} (mode {file.mode:o})\n{file.text}")
    click.echo("# ---- images, of RUNTIME=docker")
    for name, image in rendering.images.items():
        click.echo(f"# {name}: {image}")
    click.echo("# ---- commands, in this order")
    for line in rendering.commands:
        click.echo(line)
