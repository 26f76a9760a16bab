"""The lane's way from an engine's socket to a client's, with the gateway's own HTTP parser."""

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def relay(gateway_folder: Path, case: str) -> Any:
    argv = [str(gateway_folder / "bin/python"), "-m", "tests.integration.lane_relay", case]
    return json.loads(subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout)


def test_nothing_is_read_for_a_slow_client_and_all_arrives_in_the_end(gateway_folder: Path) -> None:
    found = {"bytes": 32 * 1024 * 1024, "right": True, "came while the client was slow": False, "kept": True, "error": ""}
    assert relay(gateway_folder, "slow") == {**found, "left for the garbage collector": False}


def test_an_answer_that_breaks_off_is_an_error_and_its_connection_is_dropped_at_once(gateway_folder: Path) -> None:
    found = {"bytes": 1024, "right": True, "came while the client was slow": False, "kept": False, "error": "EngineGone"}
    assert relay(gateway_folder, "broken") == {**found, "left for the garbage collector": False}


def test_a_connection_that_is_lost_without_a_word_is_an_error_too(gateway_folder: Path) -> None:
    assert relay(gateway_folder, "wordless") == "the engine closed the connection"
