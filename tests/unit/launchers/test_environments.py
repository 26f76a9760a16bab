from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from slipway.launchers.base import SilentReporter
from slipway.launchers.environments import Blueprint, Installer, ensure_environment
from slipway.process import Command


class Recorder:
    """Stands for the runner: nothing runs."""

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def run(self, command: Command, on_line: Callable[[str], None] = lambda line: None) -> list[str]:
        self.commands.append(command)
        if "venv" in command.argv:
            Path(command.argv[-1]).mkdir()
        return []

    def stop(self) -> None:
        raise AssertionError


def blueprint(folder: Path, **environ: str) -> Blueprint:
    lock = folder / "lock.txt"
    lock.write_text("pyyaml==6.0\n")

    def finish(installer: Installer) -> None:
        installer.run(Command(("finish",), env={"PATH": "/bin"}), "finishing")

    return Blueprint("gateway", lock, environ=environ, finish=(finish,))


def test_whatever_builds_an_environment_has_its_variables(tmp_path: Path) -> None:
    recorder = Recorder()

    ensure_environment(blueprint(tmp_path, COLUMNS_IN_TRACEBACKS="no"), tmp_path / "envs", recorder, SilentReporter())

    assert [(command.env or {}).get("COLUMNS_IN_TRACEBACKS") for command in recorder.commands] == ["no", "no", "no"]
    assert dict(recorder.commands[-1].env or {}) == {"PATH": "/bin", "COLUMNS_IN_TRACEBACKS": "no"}


def test_an_environment_is_built_anew_for_other_variables_and_not_for_the_same(tmp_path: Path) -> None:
    first = blueprint(tmp_path, A="1")

    assert replace(first).folder_name == first.folder_name
    assert len({first.folder_name, replace(first, environ={"A": "2"}).folder_name, replace(first, environ={}).folder_name}) == 3
