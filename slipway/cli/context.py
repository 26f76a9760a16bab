"""What every verb needs: the checkout, the environment, the `-o` options, and from them configuration and launcher."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.admission import check_runs_locally
from slipway.configuration import Configuration, Sources, read_sources
from slipway.engines import build_plan, check_plan
from slipway.engines.base import Findings
from slipway.errors import ConfigError, UsageError
from slipway.hardware import Hardware, Wish, read_hardware
from slipway.paths import Paths, build_paths, engine_lock
from slipway.plan import Site
from slipway.requirements import image_version, locked_version
from slipway.resolve import Settings
from slipway.settings import IMAGE_SETTINGS

if TYPE_CHECKING:
    from slipway.launchers.base import Launcher, Reporter
    from slipway.launchers.compose_plan import Host
    from slipway.render import Rendering

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

    @property
    def hub_environ(self) -> dict[str, str]:
        return self.sources.hub_environ(self.environ)

    @cached_property
    def runtime(self) -> str:
        return read_runtime(self.root, self.environ, self.sources.globals)

    def engine_version(self, settings: Settings) -> str:
        """The vLLM that a launch with these settings would run, as far as its lock file or its image's tag tells."""
        if self.runtime == "docker":
            return image_version(settings.text(IMAGE_SETTINGS[self.hardware().device]))
        return self._locked_version

    @cached_property
    def _locked_version(self) -> str:
        lock = engine_lock(self.root, self.hardware().device)
        return locked_version(lock.read_text(encoding="utf-8")) if lock.is_file() else ""

    def findings(self, configuration: Configuration, version: str) -> Findings:
        """What this version of the engine would refuse or ignore. Raises ConfigError where the model cannot be planned."""
        plan = build_plan(configuration, self.hardware(), Site(root=str(self.root), generated="/", secrets="/"))
        return check_plan(plan, version, self.read_text)

    def read_text(self, name: str) -> str:
        """A file that a flag names, from the checkout where the path is not absolute. Raises OSError."""
        return (self.root / name).read_text(encoding="utf-8")

    def preflight(self, configuration: Configuration, *, force: bool = False) -> None:
        """Say what the engine would ignore. Raises ConfigError with all that it would refuse; `force` makes that warnings too."""
        if self.runtime == "local":
            check_runs_locally(configuration)
        found = self.findings(configuration, self.engine_version(configuration.settings))
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

    def launcher(self, reporter: Reporter | None = None) -> Launcher:
        """The launcher that RUNTIME names."""
        from slipway.launchers.base import SilentReporter
        from slipway.process import SystemRunner

        reporter = reporter or SilentReporter()
        if self.runtime == "docker":
            from slipway.launchers.compose import ComposeLauncher
            from slipway.launchers.compose_address import engine_address

            return ComposeLauncher(self.host(), engine_address(self.environ), SystemRunner(), reporter)
        from slipway.launchers.local import LocalLauncher

        return LocalLauncher(self.paths(), self.environ, self.hardware(), SystemRunner(), reporter)

    def rendering(self, configuration: Configuration) -> Rendering:
        """What a launch would write and run."""
        # either module alone: rendering is quick because it loads nothing that it does not need
        if self.runtime == "docker":
            from slipway.launchers import compose_plan

            return compose_plan.render_launch(self.host(), configuration)
        from slipway.launchers import local_plan

        return local_plan.render_launch(self.paths(), self.environ, self.hardware(), configuration)

    def host(self) -> Host:
        from slipway.launchers.compose_plan import Host

        return Host(self.paths(), self.environ, self.hardware(), self.sources)


def read_runtime(root: Path, environ: Mapping[str, str], settings: Settings) -> str:
    """local or docker. `auto` is where this stack runs already, else docker where that can be used, else local."""
    wanted = settings.text("RUNTIME")
    if wanted != "auto":
        return wanted
    if (build_paths(root, environ, settings.text("STACK_NAME")).run / "stack.json").exists():
        return "local"
    from slipway.launchers.compose_address import usable

    return "docker" if usable(environ) else "local"


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

    def detect(wish: Wish) -> Hardware:
        found = read_hardware(wish)
        if found.device != "rocm" or read_runtime(ROOT, os.environ, sources.globals) == "docker":
            return found
        if wish.device == "rocm":
            raise UsageError("ENGINE_DEVICE=rocm needs RUNTIME=docker", hint="vLLM for AMD GPUs comes as an image, not from PyPI")
        return Hardware("cpu", cores=found.cores)

    return App(ROOT, os.environ, replace(sources, detect=detect, judge=_judge))


def _judge(sources: Sources, configuration: Configuration) -> float | None:
    from slipway.memory import share_of_context

    return share_of_context(sources, configuration, os.environ)
