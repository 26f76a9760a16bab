"""Runs commands: the only place that starts a process."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from slipway.errors import SlipwayError

_TAIL_LINES = 15


class ProcessError(SlipwayError):
    """A command failed; `tail` holds its last lines."""

    def __init__(self, argv: Sequence[str], status: int, tail: Sequence[str]) -> None:
        self.tail = tuple(tail)
        how = f"was ended by signal {_signal_name(-status)}" if status < 0 else f"failed with status {status}"
        lines = "\n".join(f"  | {line}" for line in self.tail)
        super().__init__(f"{shlex.join(argv)} {how}" + (f"\n{lines}" if lines else ""))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return str(number)


@dataclass(frozen=True)
class Command:
    """What to run: an argv, never a shell string. `env` None inherits Slipway's own."""

    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None

    def __str__(self) -> str:
        return shlex.join(self.argv)


class Runner(Protocol):
    def run(self, command: Command, on_line: Callable[[str], None] = ...) -> list[str]:
        """Run to the end and give its last lines; `on_line` sees each line as it comes. Raises ProcessError."""

    def stop(self) -> None:
        """End every command that runs in another thread; their run() raises ProcessError."""


class SystemRunner:
    """Runs for real; a command is ended with its whole process group when the caller is interrupted."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def stop(self) -> None:
        """For good: a command that is asked for later, by a thread that goes on after its last one failed, is ended too."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _end_group(process)

    def run(self, command: Command, on_line: Callable[[str], None] = lambda line: None) -> list[str]:
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        process = self._start(command)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                tail.append(line.rstrip())
                on_line(line.rstrip())
            status = process.wait()
        except BaseException:
            _end_group(process)
            raise
        finally:
            assert process.stdout is not None
            process.stdout.close()
            with self._lock:
                self._running.discard(process)
        if status:
            raise ProcessError(command.argv, status, tail)
        return list(tail)

    def _start(self, command: Command) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise ProcessError(command.argv, -signal.SIGTERM, [])
            try:
                process = subprocess.Popen(
                    command.argv,
                    env=None if command.env is None else dict(command.env),
                    cwd=command.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    process_group=0,
                )
            except (OSError, ValueError) as error:  # ValueError: a NUL in a word
                raise ProcessError(command.argv, 127, [str(error)]) from error
            self._running.add(process)
            return process


def replace_process(command: Command) -> NoReturn:
    """Become the command, with this terminal; never returns. Raises ProcessError where it cannot be started."""
    try:
        if command.cwd:
            os.chdir(command.cwd)
        os.execvpe(command.argv[0], command.argv, dict(os.environ if command.env is None else command.env))
    except OSError as error:
        raise ProcessError(command.argv, 127, [str(error)]) from error


def _end_group(process: subprocess.Popen[str]) -> None:
    """Ask the whole group to end, then end what is left of it."""
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[str], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
