"""What every verb needs: the checkout, the environment, the `-o` options, and from them configuration and launcher."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.configuration import Configuration, Sources, read_sources
from slipway.engines import build_plan, check_plan
from slipway.engines.base import Findings
from slipway.errors import ConfigError, UsageError
from slipway.hardware import Hardware
from slipway.paths import Paths, build_paths, engine_lock
from slipway.plan import Site
from slipway.requirements import image_version, locked_version

if TYPE_CHECKING:
    from slipway.launchers.base import Reporter
    from slipway.launchers.local import LocalLauncher

ROOT = Path(__file__).resolve().parents[2]

# gives a verb the `-o` option
with_overrides = click.option(
    "-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting, a sampling default or an engine --flag."
)


@dataclass(frozen=True)
class App:
    """One call of the command line."""

    root: Path
    environ: Mapping[str, str]
    sources: Sources

    def paths(self) -> Paths:
        return build_paths(self.root, self.environ, self.sources.globals.text("STACK_NAME"))

    def hardware(self) -> Hardware:
        return self.sources.hardware

    def engine_version(self) -> str:
        """The vLLM that a launch would run, as far as its lock file or its image's tag tells."""
        if self.sources.globals.text("RUNTIME") == "docker":
            return image_version(self.sources.globals.text("ENGINE_IMAGE"))
        lock = engine_lock(self.root, self.hardware().device)
        return locked_version(lock.read_text(encoding="utf-8")) if lock.is_file() else ""

    def findings(self, configuration: Configuration, version: str) -> Findings:
        """What this version of the engine would refuse or ignore. Raises ConfigError where the model cannot be planned."""
        plan = build_plan(configuration, self.hardware(), Site(root=str(self.root), generated="/", secrets="/"))

        def read(name: str) -> str:
            return (self.root / name).read_text(encoding="utf-8")

        return check_plan(plan, version, read)

    def preflight(self, configuration: Configuration, *, force: bool = False) -> None:
        """Say what the engine would ignore. Raises ConfigError with all that it would refuse; `force` makes that warnings too."""
        found = self.findings(configuration, self.engine_version())
        if force:
            found = replace(found, errors=(), warnings=(*found.errors, *found.warnings))
        say_warnings(found)
        if found.errors:
            raise ConfigError(found.errors)

    def fit(self, configuration: Configuration, *, refuse: bool = True) -> Configuration:
        """The configuration with a context that fits, saying what was changed. Raises ConfigError for what cannot fit at all."""
        flag = "--max-model-len"
        if not refuse and (configuration.recipe.command.flag(flag) or configuration.settings.text(flag)):
            return configuration  # a context that is given stays, and the sum takes imports
        from slipway.memory import fit_launch, propose_context

        fitted, note = (fit_launch if refuse else propose_context)(self.sources, configuration, self.environ)
        if note:
            click.echo(f"{click.style('note:', fg='yellow')} {note}", err=True)
        return fitted

    def launcher(self, reporter: Reporter | None = None) -> LocalLauncher:
        """The launcher that RUNTIME names."""
        from slipway.launchers.base import SilentReporter
        from slipway.launchers.local import LocalLauncher
        from slipway.process import SystemRunner

        if self.sources.globals.text("RUNTIME") == "docker":
            raise UsageError(
                "RUNTIME=docker cannot be launched by runMe.sh yet",
                hint="`MODEL=name docker compose up -d` runs docker-compose.yml; or leave RUNTIME out to run on this machine",
            )
        return LocalLauncher(self.paths(), self.environ, self.hardware(), SystemRunner(), reporter or SilentReporter())


def say_warnings(found: Findings) -> None:
    """Warnings and the note of a check, on standard error."""
    for warning in sorted(set(found.warnings)):
        click.echo(f"{click.style('warning:', fg='yellow')} {warning}", err=True)
    if found.note:
        click.echo(f"{click.style('note:', fg='yellow')} {found.note}", err=True)


def make_app(overrides: Sequence[str] = (), model: str = "") -> App:
    """Read every source of configuration. Raises ConfigError where a file that all verbs need is wrong."""
    pairs = [*overrides, *([f"MODEL={model}"] if model else [])]
    sources = read_sources(ROOT, os.environ, pairs)
    if sources.globals.problems:
        raise ConfigError(sources.globals.problems)
    return App(ROOT, os.environ, replace(sources, judge=_judge))


def _judge(sources: Sources, configuration: Configuration) -> float | None:
    from slipway.memory import share_of_context

    return share_of_context(sources, configuration, os.environ)
