"""What a client is told of an engine that does not answer."""

import os
import subprocess
from pathlib import Path

import pytest

from slipway.gateway.phase import away_text, read_phase


def test_an_engine_whose_process_lives_is_starting(tmp_path: Path) -> None:
    (tmp_path / "engine.pid").write_text(f"{os.getpid()}\n")

    assert read_phase(str(tmp_path)) == "starting"


def test_an_engine_without_a_process_is_down(tmp_path: Path) -> None:
    assert read_phase(str(tmp_path)) == "down"

    (tmp_path / "engine.pid").write_text("nonsense")
    assert read_phase(str(tmp_path)) == "down"


def test_a_switch_is_said_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "engine.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "switching").write_text(str(os.getpid()))

    assert read_phase(str(tmp_path)) == "switching"


def test_a_switch_whose_launch_was_killed_is_none(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / "switching").write_text(str(ended.pid))

    assert read_phase(str(tmp_path)) == "down"


def test_without_a_run_folder_nothing_is_guessed() -> None:
    assert read_phase("") == ""


@pytest.mark.parametrize(("phase", "word"), [("starting", "starting"), ("switching", "switching"), ("down", "down"), ("", "not answering")])
def test_the_phase_is_in_the_message(phase: str, word: str) -> None:
    assert f"The engine is {word}" in away_text(phase)
