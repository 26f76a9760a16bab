"""Launches that are interrupted, killed, or started twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from .sandbox import SHARED_MEMORY, Sandbox, wait_until

HANGING_ENGINE = ("-o", "env.FAKE_ENGINE_HANG=1")


def gateway_hangs(sandbox: Sandbox) -> Path:
    """The gateway hangs for as long as this file is there."""
    return sandbox.home / "gateway-hangs"


def start_up_to(sandbox: Sandbox, stage: str) -> subprocess.Popen[str]:
    """Start a launch that hangs, or is slow, in `stage`, and wait until it is there."""
    if stage == "database":
        shutil.rmtree(sandbox.paths.data)
        launch = sandbox.start("up", "tiny")
        wait_until(lambda: any(sandbox.paths.data.glob("postgres.new-*/base")), "initdb is at work")
    elif stage == "engine":
        launch = sandbox.start("up", "tiny", *HANGING_ENGINE)
        wait_until(lambda: "arguments" in sandbox.log("engine"), "the engine runs")
    else:
        flag = gateway_hangs(sandbox)
        flag.touch()
        launch = sandbox.start("up", "tiny", env={"FAKE_GATEWAY_HANG": str(flag)})
        wait_until(lambda: "starting" in sandbox.log("gateway"), "the gateway runs")
    return launch


@pytest.fixture(autouse=True)
def no_segments_of_postgresql_are_left() -> Iterator[None]:
    """They carry no stack's name; PostgreSQLs of other tests make none, so that new ones are this test's."""
    before = set(SHARED_MEMORY.glob("PostgreSQL.*"))
    yield
    assert set(SHARED_MEMORY.glob("PostgreSQL.*")) <= before


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("stage", ["database", "engine", "gateway"])
def test_an_interrupted_launch_leaves_nothing(sandbox: Sandbox, stage: str, sent: signal.Signals) -> None:
    launch = start_up_to(sandbox, stage)
    if sent == signal.SIGINT:
        os.killpg(launch.pid, sent)  # as a terminal does
    else:
        launch.send_signal(sent)
    result = sandbox.finish(launch)
    assert (result.status, result.stderr.splitlines()[-1]) == (130, "error: interrupted")
    sandbox.check_nothing_left()
    assert sandbox.up().status == 0


def test_pressing_ctrl_c_again_and_again_does_not_stop_the_cleaning_up(sandbox: Sandbox) -> None:
    launch = start_up_to(sandbox, "engine")
    while launch.poll() is None:
        os.killpg(launch.pid, signal.SIGINT)
        try:
            launch.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
    assert launch.returncode == 130
    launch.communicate()
    sandbox.check_nothing_left()


@pytest.mark.parametrize("stage", ["database", "engine", "gateway"])
def test_a_killed_launch_holds_no_lock_and_the_next_one_heals(sandbox: Sandbox, stage: str) -> None:
    launch = start_up_to(sandbox, stage)
    launch.kill()
    launch.communicate()
    gateway_hangs(sandbox).unlink(missing_ok=True)
    sandbox.up("tiny")
    assert sandbox.states() == {"database": "ready", "engine": "ready", "gateway": "ready"}
    assert sandbox.chat().ok


def test_the_next_launch_goes_on_with_the_engine_of_a_killed_one(sandbox: Sandbox) -> None:
    options = ("-o", "env.FAKE_ENGINE_LOAD_SECONDS=3")
    launch = sandbox.start("up", "tiny", *options)
    wait_until(lambda: "1/5" in sandbox.log("engine"), "the engine loads")
    launch.kill()
    launch.communicate()
    engine = sandbox.pid("engine")
    sandbox.up("tiny", *options)
    assert sandbox.pid("engine") == engine


def test_what_a_killed_launch_has_started_is_stopped_by_down(sandbox: Sandbox) -> None:
    launch = start_up_to(sandbox, "engine")
    launch.kill()
    launch.communicate()
    assert sandbox.call("down").stdout == "stopped; its data is kept\n"
    sandbox.check_nothing_left()


def test_a_second_launch_at_the_same_time_is_refused_and_names_the_first(sandbox: Sandbox) -> None:
    launch = start_up_to(sandbox, "engine")
    expected = (
        f"error: cannot start {{}}: a launch (process {launch.pid}) is at work on this stack\n"
        "hint: wait for it, or end it; the lock goes with it\n"
    )
    assert sandbox.fail("up", "tiny") == (1, expected.format("a launch"))
    assert sandbox.fail("down") == (1, expected.format("a stop"))
    assert launch.poll() is None
    assert psutil.pid_exists(sandbox.pid("engine"))


def test_a_launch_that_is_to_survive_its_terminal_does(sandbox: Sandbox) -> None:
    with NoHangup():
        launch = sandbox.start("up", "tiny", "-o", "env.FAKE_ENGINE_LOAD_SECONDS=2")
    wait_until(lambda: "1/5" in sandbox.log("engine"), "the engine loads")
    os.killpg(launch.pid, signal.SIGHUP)
    result = sandbox.finish(launch)
    assert (result.status, result.stdout.splitlines()[1]) == (0, "tiny is ready.")


class NoHangup:
    """What nohup does for the processes started in its block: they ignore SIGHUP."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def __exit__(self, *failure: object) -> None:
        signal.signal(signal.SIGHUP, self._before)
