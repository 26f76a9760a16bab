"""`status`: what runs now."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from slipway.cli.context import make_app, with_overrides
from slipway.cli.tables import format_bytes, format_duration, format_table
from slipway.launchers.base import StackStatus


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_overrides
def command(as_json: bool, overrides: tuple[str, ...]) -> None:
    """Show the model and each part's state, address, uptime and memory; exit 3 unless all are ready."""
    status = make_app(overrides).launcher().status()
    click.echo(json.dumps({"state": status.state, **asdict(status)}, indent=2) if as_json else _text(status))
    if status.state != "ready":
        raise click.exceptions.Exit(3)


def _text(status: StackStatus) -> str:
    if not status.model:
        return "nothing is running"
    rows = [
        (
            part.part,
            part.state,
            part.address,
            str(part.pid or ""),
            format_duration(part.uptime) if part.pid else "",
            format_bytes(part.memory) if part.memory else "",
            part.detail,
        )
        for part in status.parts
    ]
    head = f"{status.model}: {status.state} ({status.runtime})"
    return head + "\n" + format_table(("part", "state", "address", "pid", "uptime", "memory", ""), rows)
