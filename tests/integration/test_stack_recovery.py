"""Parts that are killed while the stack runs."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from .sandbox import Result, Sandbox, is_gone, wait_until

ALL_READY = {"database": "ready", "engine": "ready", "gateway": "ready"}


@pytest.mark.parametrize("part", ["database", "engine", "gateway"])
def test_a_killed_part_is_started_again_and_the_others_stay(sandbox: Sandbox, part: str) -> None:
    sandbox.up()
    before = sandbox.pids()
    os.kill(before[part], signal.SIGKILL)
    # the gateway is not ready without its database, and its start takes supervisord a second
    wait_until(lambda: sandbox.states()[part] in ("failed", "starting") or sandbox.pid(part) != before[part], "status shows it")
    sandbox.wait_pid(part, other_than=before[part])
    sandbox.wait_ready()
    after = sandbox.pids()
    assert [name for name in before if before[name] != after[name]] == [part]
    assert sandbox.chat().ok


def test_status_says_that_a_dead_part_is_started_again(sandbox: Sandbox) -> None:
    sandbox.up()
    os.kill(sandbox.pid("engine"), signal.SIGKILL)
    seen: list[Result] = []

    def shows_it() -> bool:
        seen.append(sandbox.call("status"))
        return seen[-1].status == 3

    wait_until(shows_it, "status shows it")
    assert seen[-1].stdout.splitlines()[0] in ("tiny: failed (local)", "tiny: starting (local)")
    sandbox.wait_ready()


def test_workers_that_outlive_a_killed_engine_are_gone_after_its_restart(sandbox: Sandbox) -> None:
    sandbox.up("tiny", "-o", "env.FAKE_ENGINE_WORKER=1")
    engine = sandbox.pid("engine")
    (worker,) = psutil.Process(engine).children()
    memory = f"/dev/shm/psm_{sandbox.run_folder.name}_{engine}"
    assert memory in sandbox.shared_memory()
    os.kill(engine, signal.SIGKILL)
    restarted = sandbox.wait_pid("engine", other_than=engine)
    sandbox.wait_ready()
    assert is_gone(worker)
    assert psutil.Process(restarted).ppid() != worker.pid
    assert sandbox.shared_memory() == [f"/dev/shm/psm_{sandbox.run_folder.name}_{restarted}", str(sandbox.run_folder)]


def test_an_engine_that_dies_of_a_request_comes_back(sandbox: Sandbox) -> None:
    sandbox.up()
    engine = sandbox.pid("engine")
    assert sandbox.chat("die").status == 500
    sandbox.wait_pid("engine", other_than=engine)
    sandbox.wait_ready()
    assert sandbox.chat().ok


def kill_supervisor(sandbox: Sandbox) -> None:
    supervisor = psutil.Process(sandbox.pid("supervisord"))
    supervisor.kill()
    wait_until(lambda: is_gone(supervisor), "supervisord is gone")


def test_status_tells_that_supervisord_is_gone_and_a_launch_heals(sandbox: Sandbox) -> None:
    sandbox.up()
    kill_supervisor(sandbox)
    status = sandbox.call("status")
    assert status.status == 3
    assert status.stdout.splitlines()[0] == "tiny: failed (local)"
    assert " ".join(status.stdout.splitlines()[-1].split()) == (
        "supervisor failed supervisord is gone: nothing restarts the parts; launch again to heal"
    )
    assert sandbox.chat().ok
    sandbox.up()
    assert sandbox.states() == ALL_READY
    assert sandbox.chat().ok


def test_down_cleans_up_after_a_killed_supervisord(sandbox: Sandbox) -> None:
    sandbox.up("tiny", "-o", "env.FAKE_ENGINE_WORKER=1")
    kill_supervisor(sandbox)
    assert sandbox.call("down").stdout == "stopped; its data is kept\n"
    sandbox.check_nothing_left()


def test_an_engine_that_ignores_sigterm_is_stopped_all_the_same(sandbox: Sandbox) -> None:
    template = sandbox.root / "templates/supervisord.conf"
    text = template.read_text()
    assert "stopwaitsecs = {{ part.stop_wait }}" in text
    template.write_text(text.replace("stopwaitsecs = {{ part.stop_wait }}", "stopwaitsecs = 2"))
    sandbox.up("tiny", "-o", "env.FAKE_ENGINE_IGNORE_TERM=1", "-o", "env.FAKE_ENGINE_WORKER=1")
    sandbox.up("other", "-o", "env.FAKE_ENGINE_IGNORE_TERM=1")
    assert sandbox.chat(model="other").ok
    assert sandbox.call("down").status == 0
    sandbox.check_nothing_left()


def test_a_stack_is_given_its_time_to_stop(sandbox: Sandbox) -> None:
    sandbox.up()
    assert sandbox.call("down").status == 0
    assert "database system is shut down" in sandbox.log("database").splitlines()[-1]
