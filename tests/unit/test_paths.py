"""Where a stack keeps its things."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.errors import SetupError
from slipway.paths import Paths, build_paths

PATHS = Paths(Path("/slipway"), Path("/home/.slipway"), Path("/dev/shm/s"), "one")


def test_every_folder_follows_from_four_facts() -> None:
    names = ("environments", "data", "logs", "templates", "lock", "secrets", "sockets")
    assert {name: str(getattr(PATHS, name)) for name in names} == {
        "environments": "/home/.slipway/envs",
        "data": "/home/.slipway/data/one",
        "logs": "/home/.slipway/logs/one",
        "templates": "/slipway/templates",
        "lock": "/home/.slipway/one.lock",
        "secrets": "/dev/shm/s/secrets",
        "sockets": "/dev/shm/s/db",
    }


def test_home_is_in_the_checkout_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    assert build_paths(tmp_path, {}, "one").home == tmp_path / ".slipway"
    assert build_paths(tmp_path, {"SLIPWAY_HOME": "/elsewhere"}, "one").home == Path("/elsewhere")
    assert build_paths(tmp_path, {"SLIPWAY_HOME": "here"}, "one").home == Path.cwd() / "here"


def test_each_checkout_and_stack_has_its_own_run_folder(tmp_path: Path) -> None:
    runs = [
        build_paths(tmp_path, {}, "one").run,
        build_paths(tmp_path, {}, "two").run,
        build_paths(tmp_path / "other", {}, "one").run,
        build_paths(tmp_path, {"SLIPWAY_HOME": "/elsewhere"}, "one").run,
    ]
    assert len(set(runs)) == 4
    assert build_paths(tmp_path, {}, "one").run == runs[0]


def test_a_socket_in_the_run_folder_fits_into_a_socket_s_address(tmp_path: Path) -> None:
    run = build_paths(tmp_path / ("long" * 60), {}, "a-stack-with-a-long-name").run
    assert len(f"{run}/db/.s.PGSQL.5432") < 100


@pytest.mark.parametrize(("folder", "mark"), [("models ;-)", "' ;'"), ("box #2", "' #'"), ("two\nlines", r"'\\n'")])
def test_a_path_that_supervisord_would_cut_is_refused(tmp_path: Path, folder: str, mark: str) -> None:
    with pytest.raises(SetupError, match=f"a path must not hold {mark}"):
        build_paths(tmp_path / folder, {}, "one")
    with pytest.raises(SetupError, match=f"a path must not hold {mark}"):
        build_paths(tmp_path, {"SLIPWAY_HOME": f"/{folder}"}, "one")


def test_other_odd_paths_are_fine(tmp_path: Path) -> None:
    assert build_paths(tmp_path / "a;b#c" / "100 %", {}, "one").home.parent.name == "100 %"
