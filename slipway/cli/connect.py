"""`connect`: point a tool at the running stack."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import click

from slipway.cli.context import App, make_app, with_overrides
from slipway.cli.tables import format_table
from slipway.clients import CLIENTS
from slipway.clients.base import Access, Client
from slipway.clients.edits import difference
from slipway.clients.journal import Journal, Step, write_own
from slipway.errors import UsageError
from slipway.observe.health import reads_images
from slipway.process import Command, replace_process
from slipway.recipe import AGENT_ROUTE


class _Connect(click.Command):
    """All words after --run, options too, belong to the tool."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if "--run" in args and "--" not in args:
            args.insert(args.index("--run") + 1, "--")
        return super().parse_args(context, args)


@click.command("connect", cls=_Connect)
@click.argument("tool", required=False, default="")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.option("--write", "action", flag_value="write", help="Put the settings into the tool's own configuration, after showing the change.")
@click.option("--undo", "action", flag_value="undo", help="Take what --write wrote out again.")
@click.option("--run", "action", flag_value="run", help="Start the tool, its configuration untouched; all words after this go to it.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before writing.")
@with_overrides
def command(tool: str, words: tuple[str, ...], action: str | None, yes: bool, overrides: tuple[str, ...]) -> None:
    """Print what points TOOL at the running stack; without TOOL, list the tools and which are installed."""
    app = make_app(overrides)
    if not tool:
        if action:
            raise UsageError(f"--{action} needs the name of a tool", hint=f"tools: {', '.join(CLIENTS)}")
        click.echo(_list())
        return
    client = _client(tool)
    if words and action != "run":
        raise UsageError(f"connect takes one tool, not {tool} and {words[0]!r} too", hint="words for the tool itself go behind --run")
    folder = app.paths().home / "clients"
    journal = Journal(folder, client.name)
    if action == "undo":
        _apply(journal, journal.plan_undo(), yes, undo=True)
        return
    access = app.launcher().access()
    if client.tells_images:
        access = replace(access, images=reads_images(access.url, access.key, AGENT_ROUTE))
    _warn(access, client)
    if action == "write":
        _write(client, access, journal, yes)
    elif action == "run":
        _run(client, access, words, app, folder / "run")
    else:
        click.echo(client.snippet(access))


def _client(name: str) -> Client:
    if name not in CLIENTS:
        from slipway.layers import did_you_mean

        raise UsageError(f"there is no tool {name!r}", hint=did_you_mean(name, CLIENTS) or f"tools: {', '.join(CLIENTS)}")
    return CLIENTS[name]


def _list() -> str:
    rows = []
    for client in CLIENTS.values():
        found = shutil.which(client.program) if client.program else ""
        ways = [word for word, can in (("--write", client.changes), ("--run", client.start)) if can]
        rows.append((client.name, client.title, " ".join(ways), found if found is not None else f"not installed ({client.install})"))
    return format_table(("tool", "", "can", "installed"), rows)


def _warn(access: Access, client: Client) -> None:
    if not access.tools and client.name not in ("curl", "python", "env"):
        click.echo(f"note: {access.model} runs without tool calls; {client.title} can chat with it, but not let it act", err=True)


def _write(client: Client, access: Access, journal: Journal, yes: bool) -> None:
    if client.changes is None:
        raise UsageError(f"{client.name} has no configuration file to write", hint=f"paste what `./runMe.sh connect {client.name}` prints")
    _apply(journal, journal.plan_write(client.changes(access, os.environ)), yes, undo=False)
    click.echo(f"now: {client.after}", err=True)


def _apply(journal: Journal, steps: list[Step], yes: bool, *, undo: bool) -> None:
    """Show the change, ask where a person can answer, then make it."""
    for step in steps:
        click.echo(difference(step.path, step.now, step.then))
    if not steps:
        click.echo("nothing to change", err=True)
    elif not yes and sys.stdin.isatty():
        click.confirm("write this?", abort=True, err=True)
    if undo:
        journal.undo(steps)
        return
    for backup in journal.write(steps):
        click.echo(f"the file as it was: {backup}", err=True)


def _run(client: Client, access: Access, words: tuple[str, ...], app: App, folder: Path) -> None:
    if client.start is None:
        raise UsageError(
            f"{client.name} cannot be started with settings of its own", hint=f"`./runMe.sh connect {client.name} --write`, then start it"
        )
    start = client.start(access, folder)
    if not shutil.which(start.argv[0]):
        raise UsageError(f"{start.argv[0]} is not installed", hint=client.install)
    if start.file:
        write_own(start.file)
    # runMe.sh has changed the folder; the tool belongs where the person stands
    stands = app.environ.get("SLIPWAY_CALLED_FROM")
    environ = {name: value for name, value in app.environ.items() if name != "SLIPWAY_CALLED_FROM"}
    replace_process(Command((*start.argv, *words), {**environ, **start.env}, Path(stands) if stands else None))
