"""The real runner: output, failures, and ending what runs."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from pathlib import Path

import pytest

from slipway.process import Command, ProcessError, SystemRunner
from tests.unit.processes import ends


def python(text: str) -> Command:
    return Command((sys.executable, "-c", text))


def test_a_command_gives_its_last_lines_and_shows_each_as_it_comes() -> None:
    seen: list[str] = []
    tail = SystemRunner().run(python("for i in range(20): print(i)"), seen.append)
    assert seen == [str(number) for number in range(20)]
    assert tail == [str(number) for number in range(5, 20)]


def test_environment_and_folder_are_those_of_the_command(tmp_path: Path) -> None:
    lines = SystemRunner().run(Command(("/bin/sh", "-c", "echo $A; pwd"), {"A": "b"}, tmp_path))
    assert lines == ["b", str(tmp_path)]


def test_a_command_shows_itself_so_that_a_person_can_repeat_it() -> None:
    assert str(Command(("echo", "a b", "$HOME"))) == "echo 'a b' '$HOME'"


def test_bytes_that_are_no_text_do_not_stop_a_command() -> None:
    assert SystemRunner().run(Command(("printf", r"a\377b\n"))) == ["a\ufffdb"]


def test_a_failure_says_what_failed_and_how() -> None:
    with pytest.raises(ProcessError) as caught:
        SystemRunner().run(Command(("/bin/sh", "-c", "echo out; echo err >&2; exit 3")))
    assert caught.value.message == "/bin/sh -c 'echo out; echo err >&2; exit 3' failed with status 3\n  | out\n  | err"
    assert caught.value.tail == ("out", "err")


def test_a_command_ended_by_a_signal_says_so() -> None:
    with pytest.raises(ProcessError) as caught:
        SystemRunner().run(Command(("/bin/sh", "-c", "kill -9 $$")))
    assert caught.value.message == "/bin/sh -c 'kill -9 $$' was ended by signal SIGKILL"


def test_a_missing_executable_is_the_same_kind_of_error() -> None:
    with pytest.raises(ProcessError) as caught:
        SystemRunner().run(Command(("/nowhere/it", "x")))
    assert caught.value.message == "/nowhere/it x failed with status 127\n  | [Errno 2] No such file or directory: '/nowhere/it'"


def test_a_word_with_a_nul_byte_is_an_error_and_no_traceback() -> None:
    with pytest.raises(ProcessError) as caught:
        SystemRunner().run(Command(("echo", "a\0b")))
    assert caught.value.tail == ("embedded null byte",)


def test_stop_ends_a_command_that_runs_in_another_thread_with_its_children() -> None:
    runner, ready, errors = SystemRunner(), threading.Event(), []
    pids: list[int] = []

    def on_line(line: str) -> None:
        pids.append(int(line))
        ready.set()

    def work() -> None:
        try:
            runner.run(Command(("/bin/sh", "-c", "sleep 100 & echo $!; wait")), on_line)
        except ProcessError as error:
            errors.append(error.message)

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    runner.stop()
    thread.join(10)
    assert errors == [f"/bin/sh -c 'sleep 100 & echo $!; wait' was ended by signal SIGTERM\n  | {pids[0]}"]
    assert ends(pids[0])


def test_a_child_that_ignores_sigterm_does_not_outlive_a_stop() -> None:
    runner, ready = SystemRunner(), threading.Event()
    pids: list[int] = []
    stubborn = "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.getpid(), flush=True); signal.pause()"
    script = f"{shlex.quote(sys.executable)} -c {shlex.quote(stubborn)} & wait"

    def on_line(line: str) -> None:
        pids.append(int(line))
        ready.set()

    def work() -> None:
        with pytest.raises(ProcessError):
            runner.run(Command(("/bin/sh", "-c", script)), on_line)

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    runner.stop()
    thread.join(10)
    assert (thread.is_alive(), ends(pids[0])) == (False, True)


def test_after_a_stop_nothing_is_started_any_more(tmp_path: Path) -> None:
    runner = SystemRunner()
    runner.stop()
    with pytest.raises(ProcessError) as caught:
        runner.run(Command(("touch", str(tmp_path / "made"))))
    assert caught.value.message == f"touch {tmp_path}/made was ended by signal SIGTERM"
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_ends_the_command_and_goes_on() -> None:
    pids: list[int] = []

    def on_line(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SystemRunner().run(Command(("/bin/sh", "-c", "echo $$; exec sleep 100")), on_line)
    assert ends(pids[0])


def test_the_signal_names_are_those_of_this_system() -> None:
    assert ProcessError(("x",), -signal.SIGTERM, []).message == "x was ended by signal SIGTERM"
    assert ProcessError(("x",), -42, []).message == "x was ended by signal 42"
