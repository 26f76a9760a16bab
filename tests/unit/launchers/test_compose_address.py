"""Where a Docker engine is looked for, and whether one that is there can be used."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway.launchers.compose_address import DEFAULT, answers, engine_address, usable


def write_context(folder: Path, name: str, host: str) -> None:
    meta = folder / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


def test_the_address_is_docker_host_else_the_contexts_else_the_usual_socket(tmp_path: Path) -> None:
    write_context(tmp_path, "rootless", "unix:///run/user/1000/docker.sock")
    environ = {"DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path)}
    assert engine_address(environ) == DEFAULT
    (tmp_path / "config.json").write_text('{"currentContext": "rootless"}')
    assert engine_address(environ) == "unix:///run/user/1000/docker.sock"
    assert engine_address({**environ, "DOCKER_CONTEXT": "default"}) == DEFAULT
    assert engine_address({**environ, "DOCKER_HOST": "unix:///mine"}) == "unix:///mine"
    (tmp_path / "config.json").write_text("{broken")
    assert engine_address(environ) == DEFAULT


@contextmanager
def engine(path: Path, answer: bytes) -> Iterator[str]:
    """Something that listens, and gives every caller the same answer."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"unix://{path}"
        thread.join()


@pytest.mark.parametrize(("answer", "expected"), [(b"HTTP/1.0 200 OK\r\n\r\nOK", True), (b"HTTP/1.0 500 No\r\n\r\n", False), (b"", False)])
def test_an_engine_is_one_that_answers_a_ping(tmp_path: Path, answer: bytes, expected: bool) -> None:
    with engine(tmp_path / "s", answer) as address:
        assert answers(address) == expected


def test_nothing_on_this_machine_answers_elsewhere(tmp_path: Path) -> None:
    assert [answers(f"unix://{tmp_path}/none"), answers("tcp://127.0.0.1:2375"), answers("ssh://me@there")] == [False, False, False]


def test_an_engine_without_compose_or_without_the_command_is_not_usable(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "cli-plugins").mkdir()
    (tmp_path / "cli-plugins/docker-compose").touch()
    environ = {"PATH": str(tmp_path), "DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/s"}
    assert usable(environ) is False
    with engine(tmp_path / "s", b"HTTP/1.0 200 OK\r\n\r\nOK"):
        assert usable(environ) is True
    assert usable({**environ, "PATH": "/nowhere"}) is False
