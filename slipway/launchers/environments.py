"""Builds the Python environments of the parts, from lock files, once per content of the lock file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipway.errors import SetupError
from slipway.launchers.base import Phase, Reporter
from slipway.process import Command, ProcessError, Runner

_READY = ".ready"
_CAUSES = (
    (r"No space left on device", "the disk is full"),
    (r"name resolution|Connection refused|Network is unreachable|timed out|ProxyError", "the package index cannot be reached"),
    (r"DO NOT MATCH THE HASHES", "a package differs from its lock file: do not install it, find out why"),
    (r"No matching distribution|from versions: none", "the package index has no such package for this Python or machine"),
    (r"ensurepip|No module named venv", "Python's venv module is missing: apt install python3-venv"),
)


@dataclass(frozen=True)
class Environment:
    """A built environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"

    def executable(self, name: str) -> Path:
        return self.folder / "bin" / name


@dataclass(frozen=True)
class Blueprint:
    """How to build one environment. `inputs` decide whether a built one is still right; `finish` completes it.

    `environ` is for what builds it, beside Slipway's own environment.
    """

    name: str
    lock: Path
    inputs: tuple[Path, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Callable[[Installer], None], ...] = ()
    finish: tuple[Callable[[Installer], None], ...] = ()

    def digest(self) -> str:
        """Changes with the lock file, the further inputs, the variables and the Python version."""
        hasher = hashlib.sha256(f"{sys.version_info[:2]} {sys.base_prefix}".encode())
        hasher.update("".join(f"{name}={value}\0" for name, value in sorted(self.environ.items())).encode())
        for path in (self.lock, *self.inputs):
            hasher.update(path.name.encode() + b"\0" + path.read_bytes())
        return hasher.hexdigest()[:12]

    @property
    def folder_name(self) -> str:
        return f"{self.name}-{self.digest()}"


@dataclass(frozen=True)
class Installer:
    """What a blueprint's steps work with."""

    environment: Environment
    runner: Runner
    phase: Phase
    environ: Mapping[str, str]

    def pip(self, arguments: Sequence[str], *, text: str, total: int = 0) -> None:
        """Run pip; shows how many of `total` packages it has looked at."""
        seen = 0

        def on_line(line: str) -> None:
            nonlocal seen
            if line.startswith(("Collecting ", "Requirement already", "Ignoring ")):
                seen += 1
                self.phase.update(text, min(seen, total), total)
            elif line.startswith("Installing collected"):
                self.phase.update(f"{text}: unpacking")

        pip = (str(self.environment.python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install")
        self.phase.update(text, 0, total)
        self.runner.run(self._with_environ(Command((*pip, *arguments))), on_line)

    def run(self, command: Command, text: str) -> list[str]:
        self.phase.update(text)
        return self.runner.run(self._with_environ(command))

    def _with_environ(self, command: Command) -> Command:
        return replace(command, env={**(os.environ if command.env is None else command.env), **self.environ})


def ensure_environment(blueprint: Blueprint, folder: Path, runner: Runner, reporter: Reporter) -> Environment:
    """The environment of `blueprint` under `folder`, built if need be; two builders wait for each other. Raises SetupError."""
    environment = Environment(folder / blueprint.folder_name)
    if (environment.folder / _READY).exists():
        return environment
    folder.mkdir(parents=True, exist_ok=True)
    with reporter.phase(f"{blueprint.name} environment") as phase, _one_builder(folder / f"{blueprint.name}.lock", phase):
        if not (environment.folder / _READY).exists():
            try:
                _build(blueprint, Installer(environment, runner, phase, blueprint.environ))
            except ProcessError as error:
                raise SetupError(f"cannot set up the {blueprint.name} environment: {error.message}", hint=_hint(error)) from error
            _remove_others(environment, blueprint.name)
    return environment


def _hint(error: ProcessError) -> str:
    text = "\n".join(error.tail)
    return next((hint for pattern, hint in _CAUSES if re.search(pattern, text)), "") or "run it by hand to see all of it"


@contextmanager
def _one_builder(lock: Path, phase: Phase) -> Iterator[None]:
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            phase.update("waiting for another launch that builds it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(blueprint: Blueprint, installer: Installer) -> None:
    folder = installer.environment.folder
    shutil.rmtree(folder, ignore_errors=True)
    installer.run(Command((sys.executable, "-m", "venv", str(folder))), "creating it")
    for step in blueprint.before:
        step(installer)
    pins = len(re.findall(r"^[A-Za-z0-9]", blueprint.lock.read_text(), re.MULTILINE))
    installer.pip(["--no-deps", "--require-hashes", "-r", str(blueprint.lock)], text="packages", total=pins)
    for step in blueprint.finish:
        step(installer)
    (folder / _READY).touch()


def _remove_others(environment: Environment, name: str) -> None:
    """Delete what earlier lock files left behind, unless something still runs from it."""
    import psutil

    for other in environment.folder.parent.glob(f"{name}-*"):
        if other == environment.folder or not other.is_dir():
            continue
        running = any(str(other) in " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
        if not running:
            shutil.rmtree(other, ignore_errors=True)
