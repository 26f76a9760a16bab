"""What Docker cannot do is told apart, and each message says what to do; all of it provoked for real."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.integration.docker_sandbox import DockerSandbox, docker

LOCAL = "RUNTIME=local runs the parts as processes, without Docker"


def override(stack: DockerSandbox, service: str, **changes: object) -> None:
    path = stack.root / "docker-compose.override.yml"
    content = yaml.safe_load(path.read_text())
    content["services"].setdefault(service, {}).update(changes)
    path.write_text(yaml.safe_dump(content))


def test_no_engine(stack: DockerSandbox) -> None:
    status, message = stack.fail("up", "tiny", env={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert (status, message) == (1, (
        "error: no Docker engine answers at unix:///nowhere/docker.sock\n"
        f"hint: start it: sudo systemctl start docker; {LOCAL}\n"
    ))  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give the engine's socket to another user")
def test_a_user_who_may_not_use_the_socket(stack: DockerSandbox) -> None:
    address = stack.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    socket = Path(address.removeprefix("unix://"))
    before = socket.stat()
    # for root without these two capabilities the socket's permissions count, as they do for anybody else
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", str(stack.root / "runMe.sh"), "up", "tiny"]
    try:
        os.chown(socket, 65534, 65534)
        done = subprocess.run(command, env=stack.environ, capture_output=True, text=True, timeout=60, check=False)
    finally:
        os.chown(socket, before.st_uid, before.st_gid)
    assert (done.returncode, done.stderr[done.stderr.find("error: ") :]) == (1, (
        f"error: this user may not use the Docker engine's socket {address}\n"
        f"hint: sudo usermod -aG docker $USER, then log in again; {LOCAL}\n"
    ))  # fmt: skip


def test_an_old_compose(stack: DockerSandbox, tmp_path: Path) -> None:
    plugins = tmp_path / "cli-plugins"
    plugins.mkdir()
    script = plugins / "docker-compose"
    metadata = '{"SchemaVersion": "0.1.0", "Vendor": "x", "Version": "2.19.1"}'
    script.write_text(f"#!/bin/sh\nif [ $1 = docker-cli-plugin-metadata ]; then echo '{metadata}'; else echo 2.19.1; fi\n")
    script.chmod(0o755)
    status, message = stack.fail("up", "tiny", env={"DOCKER_CONFIG": str(tmp_path)})
    assert (status, message) == (1, (
        "error: Docker Compose 2.19.1 is too old: docker-compose.yml needs 2.20 or newer\n"
        f"hint: install the package docker-compose-plugin; {LOCAL}\n"
    ))  # fmt: skip


def test_no_compose(stack: DockerSandbox, tmp_path: Path) -> None:
    status, message = stack.fail("up", "tiny", env={"DOCKER_CONFIG": str(tmp_path)})
    assert (status, message.splitlines()[0]) == (1, "error: Docker Compose is not installed")
    assert message.endswith(f"{LOCAL}\n")


def test_an_image_whose_registry_cannot_be_reached(stack: DockerSandbox) -> None:
    # nothing listens on port 9
    status, message = stack.fail("up", "tiny", env={"GATEWAY_IMAGE": "127.0.0.1:9/litellm:1"})
    assert (status, message.splitlines()[0]) == (
        1,
        "error: the image 127.0.0.1:9/litellm:1 cannot be pulled: its registry cannot be reached",
    )
    assert message.endswith(f"hint: docs/docker.md says how to bring images along; {LOCAL}\n")
    stack.check_nothing_left()


def test_no_nvidia_runtime(stack: DockerSandbox) -> None:
    stack.write_settings(ENGINE_DEVICE="cuda")
    status, message = stack.fail("up", "tiny", env={"ENGINE_IMAGE": stack.environ["ENGINE_IMAGE_CPU"]})
    assert (status, message.splitlines()[0]) == (1, "error: Docker cannot hand NVIDIA GPUs to a container")
    assert message.splitlines()[-1].startswith("hint: install the NVIDIA Container Toolkit")
    assert message.endswith(f"ENGINE_DEVICE=cpu computes without a GPU; {LOCAL}\n")
    stack.check_nothing_left()


def test_a_container_that_runs_out_of_memory(stack: DockerSandbox) -> None:
    override(stack, "vllm-node", mem_limit="8m", memswap_limit="8m")
    status, message = stack.fail("up", "tiny")
    assert (status, message.splitlines()[0]) == (
        1, "error: the engine died (exit status 137: out of memory); the last lines of the engine's container:"
    )  # fmt: skip
    stack.check_nothing_left()


def test_an_unhealthy_database_with_its_last_log_lines(stack: DockerSandbox) -> None:
    ready = "until pg_isready -q -h 127.0.0.1; do sleep 0.1; done"
    check = {"test": ["CMD", "sh", "-c", f"{ready}; echo no way; exit 1"], "interval": "1s", "timeout": "60s", "retries": 2}
    override(stack, "litellm_db", healthcheck=check)
    status, message = stack.fail("up", "tiny")
    assert (status, message.splitlines()[0]) == (
        1,
        "error: the database died (unhealthy: no way); the last lines of the database's container:",
    )
    assert "database system is ready to accept connections" in message
    stack.check_nothing_left()


def test_status_of_a_killed_part_says_how_it_ended(stack: DockerSandbox) -> None:
    stack.up()
    docker("kill", f"{stack.stack}-vllm-node-1")
    part = next(part for part in stack.status()["parts"] if part["part"] == "engine")
    assert (part["state"], part["detail"]) == ("failed", "exit status 137: killed")
    # the next launch heals it
    stack.up()
    assert stack.chat().status == 200
