"""What is left of a part whose supervisor is gone is found by its group, and ended."""

from __future__ import annotations

import contextlib
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from slipway.launchers.leftovers import end_leftovers, find_leftovers, main, note_shared_memory
from tests.unit.processes import ends

CHILD = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + CHILD
PARENT = "import subprocess, sys, signal; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); signal.pause()"


class Part:
    """A process group with a leader and one child, as a part's start script makes one."""

    def __init__(self, folder: Path, child: str = CHILD) -> None:
        argv = [sys.executable, "-c", PARENT, child]
        self.leader = subprocess.Popen(argv, process_group=0, stdout=subprocess.PIPE, text=True)
        assert self.leader.stdout is not None
        assert self.leader.stdout.readline() == "ready\n"
        self.child = psutil.Process(self.leader.pid).children()[0]
        self.pid_file = folder / "engine.pid"
        self.pid_file.write_text(f"{self.leader.pid}\n")

    def kill_leader(self) -> None:
        self.leader.kill()
        self.leader.wait(10)

    def clean(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self.child.kill()
        self.leader.kill()
        self.leader.wait(10)
        assert self.leader.stdout is not None
        self.leader.stdout.close()


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Part]:
    part = Part(tmp_path)
    yield part
    part.clean()


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[Part]:
    part = Part(tmp_path, STUBBORN)
    yield part
    part.clean()


def pids(part: Part) -> set[int]:
    return {process.pid for process in find_leftovers([part.pid_file])}


def test_a_group_is_its_leader_and_the_children(part: Part) -> None:
    assert pids(part) == {part.leader.pid, part.child.pid}


def test_a_child_is_found_when_its_leader_is_killed(part: Part) -> None:
    part.kill_leader()
    assert pids(part) == {part.child.pid}


def test_a_process_that_is_older_than_the_pid_file_has_only_the_same_number(part: Part) -> None:
    later = part.pid_file.stat().st_mtime + 60
    os.utime(part.pid_file, (later, later))
    assert pids(part) == set()


@pytest.mark.parametrize("text", ["", "no number", "\0"])
def test_a_pid_file_without_a_number_is_no_group(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.pid").write_text(text)
    assert find_leftovers([tmp_path / "x.pid", tmp_path / "missing.pid"]) == []


def test_leftovers_are_ended_and_counted(part: Part) -> None:
    part.kill_leader()
    assert end_leftovers([part.pid_file]) == 1
    assert (pids(part), end_leftovers([part.pid_file])) == (set(), 0)


def test_a_leftover_that_does_not_listen_is_ended_too(stubborn: Part) -> None:
    stubborn.kill_leader()
    assert end_leftovers([stubborn.pid_file], grace=0.1) == 1
    assert pids(stubborn) == set()


def test_a_start_script_ends_its_earlier_self_and_removes_the_note(part: Part) -> None:
    part.kill_leader()
    main(part.pid_file)
    assert (part.child.is_running() and part.child.status() != psutil.STATUS_ZOMBIE, part.pid_file.exists()) == (False, False)


@pytest.fixture
def segment() -> Iterator[Path]:
    """A file on the machine's shared memory."""
    path = Path(f"/dev/shm/psm_slipway_test_{os.getpid()}")
    path.write_bytes(b"x" * 4096)
    yield path
    path.unlink(missing_ok=True)


MAPS = "import mmap, sys; f = open({!r}, 'r+b'); m = mmap.mmap(f.fileno(), 0); " + CHILD


@pytest.fixture
def mapping(tmp_path: Path, segment: Path) -> Iterator[Part]:
    part = Part(tmp_path, MAPS.format(str(segment)))
    yield part
    part.clean()


def test_shared_memory_of_a_leftover_is_deleted_with_it(mapping: Part, segment: Path) -> None:
    mapping.kill_leader()
    assert end_leftovers([mapping.pid_file]) == 1
    assert not segment.exists()


def test_shared_memory_that_was_noted_is_deleted_when_all_were_killed_at_once(mapping: Part, segment: Path) -> None:
    note_shared_memory(mapping.pid_file)
    assert mapping.pid_file.with_name("engine.shm").read_text() == str(segment)
    mapping.child.kill()
    mapping.kill_leader()
    assert ends(mapping.child.pid)
    assert end_leftovers([mapping.pid_file]) == 0
    assert not segment.exists()


def test_shared_memory_that_another_process_maps_stays(mapping: Part, segment: Path) -> None:
    mapping.kill_leader()
    with segment.open("r+b") as stream, mmap.mmap(stream.fileno(), 0):
        assert end_leftovers([mapping.pid_file]) == 1
        assert segment.exists()
