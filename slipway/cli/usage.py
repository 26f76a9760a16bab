"""`usage`: what was asked of the models."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from slipway.cli.context import make_app, with_overrides
from slipway.cli.tables import format_table
from slipway.observe.usage import GROUPS, UsageRow, parse_since, read_usage


@click.command("usage")
@click.option("--by", type=click.Choice(GROUPS), default="model", show_default=True, help="What one row stands for.")
@click.option("--since", default="7d", show_default=True, metavar="SPAN", help="How far back: 30m, 12h, 7d, 2w.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_overrides
def command(by: str, since: str, as_json: bool, overrides: tuple[str, ...]) -> None:
    """Show requests, errors, tokens and latency by model, key or day."""
    span = parse_since(since)
    rows = read_usage(make_app(overrides).launcher().usage(), by=by, since=span)
    click.echo(json.dumps([asdict(row) for row in rows], indent=2) if as_json else _text(by, since, rows))


def _text(by: str, since: str, rows: list[UsageRow]) -> str:
    if not rows:
        return f"no requests in the last {since}"
    head = (by, "requests", "errors", "prompt tokens", "completion tokens", "median s", "p95 s")
    cells = [
        (
            row.name,
            f"{row.requests:,}",
            f"{row.errors:,}",
            f"{row.prompt_tokens:,}",
            f"{row.completion_tokens:,}",
            "" if row.median is None else f"{row.median:.2f}",
            "" if row.p95 is None else f"{row.p95:.2f}",
        )
        for row in rows
    ]
    return format_table(head, cells, right=range(1, len(head)))
