"""The `slipway` command: finds the verb's module, and is the one place where errors become messages and exit codes."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence

import click

from slipway import __version__
from slipway.errors import SlipwayError

# verb -> what it does; the verb's module is imported only when it is called
VERBS = {
    "up": "launch a model, or switch to it (the default verb)",
    "down": "stop everything; --volumes deletes the data too",
    "status": "what runs: parts, ports, uptime, memory",
    "logs": "the log of a part, or of all",
    "usage": "requests, tokens and latency, from the gateway's database",
    "connect": "point Claude Code, Codex, OpenCode and others at the running stack",
    "models": "the models that can be launched",
    "new": "a new model file from a model's own configuration",
    "import": "a recipe of another project as a new model file",
    "explain": "every effective setting, where it came from, and what it shadowed",
    "check": "every problem of every model file",
    "fit": "memory on a GPU: whether a model fits, how long a context, what would help",
    "prepare": "build what a first launch needs, with nothing started",
    "render": "every file and command of a launch, with nothing started",
}

INTERNAL_ERROR = 70

_REQUESTS_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Verbs(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"slipway.cli.{name}").command
        return command

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS:
            from slipway.layers import did_you_mean

            hint = did_you_mean(args[0], VERBS) or f"verbs: {', '.join(VERBS)}"
            raise click.UsageError(f"there is no verb {args[0]!r} ({hint})")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="slipway")
def cli() -> None:
    """Serve an open model with one command: MODEL=name ./runMe.sh"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "up")
    for number in _REQUESTS_TO_END:
        # one that is ignored already, as under nohup, stays so
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.exit(_guarded(words))


class _Interrupted(KeyboardInterrupt):
    """Not KeyboardInterrupt itself: where that comes out of an exec(), by which dataclasses are made, Python takes note of it, and
    ends with SIGINT instead of an exit code, even if somebody has caught it."""


def _interrupt(number: int, frame: object) -> None:
    """A polite request to end is the same as Ctrl-C: what was started is stopped, and a second one does not disturb that."""
    for other in _REQUESTS_TO_END:
        signal.signal(other, signal.SIG_IGN)
    raise _Interrupted


def _guarded(words: list[str]) -> int:
    try:
        status = cli.main(args=words, prog_name="slipway", standalone_mode=False)
    except SlipwayError as error:
        _say(error.message, error.hint)
        return error.exit_code
    except click.ClickException as error:
        _say(error.format_message(), "./runMe.sh --help lists the verbs" if isinstance(error, click.UsageError) else "")
        return 2
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted", "")
        return 130
    except BrokenPipeError:
        # `./runMe.sh logs | head`: nobody reads on; keep the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        with tempfile.NamedTemporaryFile("w", prefix="slipway-error-", suffix=".log", delete=False) as log:
            traceback.print_exc(file=log)
        _say(f"an error in Slipway itself; its details are in {log.name}", "please report it with that file")
        return INTERNAL_ERROR
    return status if isinstance(status, int) else 0


def _say(message: str, hint: str) -> None:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if hint:
        click.echo(f"{click.style('hint:', fg='yellow')} {hint}", err=True)
