"""One launch at a time: who holds the lock, and that it goes with its holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway.errors import StackError
from slipway.launchers.lock import exclusive

ROOT = Path(__file__).parents[3]
HOLD = "import sys, pathlib\nfrom slipway.launchers.lock import exclusive\nwith exclusive(pathlib.Path(sys.argv[1]), 'a launch'):\n    print('held', flush=True)\n    sys.stdin.read()\n"


@contextmanager
def holder(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_launch_is_refused_and_told_who_is_at_work(tmp_path: Path) -> None:
    lock = tmp_path / "deep/er/slipway.lock"
    with holder(lock) as process:
        with pytest.raises(StackError) as caught, exclusive(lock, "a stop"):
            raise AssertionError("held twice")
        assert caught.value.message == f"cannot start a stop: a launch (process {process.pid}) is at work on this stack"
        assert caught.value.hint == "wait for it, or end it; the lock goes with it"


def test_a_holder_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    lock = tmp_path / "slipway.lock"
    with holder(lock) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        with exclusive(lock, "a stop"):
            assert lock.read_text() == f"a stop (process {os.getpid()})"


def test_a_lock_is_free_again_after_its_work_and_after_a_failure(tmp_path: Path) -> None:
    lock = tmp_path / "slipway.lock"
    with pytest.raises(RuntimeError), exclusive(lock, "a launch"):
        raise RuntimeError
    with exclusive(lock, "a launch"):
        assert lock.read_text() == f"a launch (process {os.getpid()})"
    assert lock.read_text() == ""


def test_two_stacks_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with exclusive(tmp_path / "one.lock", "a launch"), exclusive(tmp_path / "two.lock", "a launch"):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["one.lock", "two.lock"]
