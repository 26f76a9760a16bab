"""`up`: launch a model, or switch a running stack to it."""

from __future__ import annotations

import click

from slipway.admission import check_requirements
from slipway.cli.context import make_app, with_overrides
from slipway.cli.display import open_reporter
from slipway.cli.snippets import welcome
from slipway.configuration import Configuration, read_configuration
from slipway.launchers.base import Access
from slipway.recipe import AGENT_ROUTE

# the exit status of a launch that is up, and whose self-test failed
SELF_TEST_FAILED = 4


@click.command("up")
@click.argument("model", required=False, default="")
@click.option("--force", is_flag=True, help="Launch even what preflight refuses, or what cannot run or fit on this machine.")
@click.option("--no-self-test", is_flag=True, help="Do not try a chat, a tool call and /v1/messages once the model is up.")
@with_overrides
def command(model: str, force: bool, no_self_test: bool, overrides: tuple[str, ...]) -> None:
    """Launch MODEL (default: what MODEL= names), wait until it answers, and say how to use it."""
    app = make_app(overrides, model)
    configuration = read_configuration(app.sources)
    if not force:
        check_requirements(app.sources, configuration, app.engine_version(configuration.settings))
        configuration = app.fit(configuration)
    app.preflight(configuration, force=force)
    with open_reporter() as reporter:
        access = app.launcher(reporter).up(configuration)
    click.echo(welcome(access))
    # a model that does not chat, or a stack that ran already, has nothing new to show
    if not no_self_test and access.changed and configuration.flag_value("--runner") != "pooling":
        _test(access, configuration)


def _test(access: Access, configuration: Configuration) -> None:
    """Say in one line each what works. Exits with SELF_TEST_FAILED when something does not; the stack stays up."""
    from slipway.observe.self_test import run_self_test

    with open_reporter() as reporter, reporter.phase("self-test"):
        parser, limit = configuration.flag_value("--tool-call-parser"), configuration.settings.integer("MAX_PARALLEL_REQUESTS")
        outcomes = run_self_test(access.url, access.key, AGENT_ROUTE, parser, limit)
    click.echo("# Self-test")
    for outcome in outcomes:
        mark = click.style("ok  " if outcome.ok else "FAIL", fg="green" if outcome.ok else "red")
        click.echo(f"{mark}  {outcome.name:<21}  {outcome.text}")
    if not all(outcome.ok for outcome in outcomes):
        click.echo("the stack stays up; ./runMe.sh logs shows both sides, --no-self-test leaves this test out", err=True)
        raise click.exceptions.Exit(SELF_TEST_FAILED)
