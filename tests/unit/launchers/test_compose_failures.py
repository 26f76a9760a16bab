"""Docker's and Compose's own words become a reason and what to do."""

from __future__ import annotations

import pytest

from slipway.errors import SetupError
from slipway.launchers.compose_failures import (
    LOCAL_INSTEAD,
    check_compose_version,
    explain_connection,
    explain_pull,
    explain_start,
    no_compose,
)

CONNECTIONS = {
    "no socket": (FileNotFoundError(2, "No such file or directory"), "no Docker engine answers at A", "start it: sudo systemctl start docker"),
    "nobody listens": (ConnectionRefusedError(111, "Connection refused"), "no Docker engine answers at A", "start it: sudo systemctl start docker"),
    "no permission": (
        PermissionError(13, "Permission denied"), "this user may not use the Docker engine's socket A",
        "sudo usermod -aG docker $USER, then log in again",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("error", "message", "hint"), CONNECTIONS.values(), ids=CONNECTIONS)
def test_an_engine_that_does_not_let_us_in(error: Exception, message: str, hint: str) -> None:
    # the SDK wraps the error of the system into two of its own
    found = explain_connection("A", RuntimeError(f"Error while fetching server API version: ('Connection aborted.', {error!r})"))
    assert (found.message, found.hint) == (message, f"{hint}; {LOCAL_INSTEAD}")


PULLS = {
    "manifest for x:9 not found: manifest unknown": ": there is no such image or tag",
    "pull access denied for x, repository does not exist or may require 'docker login'": ": there is no such image or tag",
    "Head \"https://h/v2/\": unauthorized: authentication required": ": its registry asks for a login, or there is no such image",
    "toomanyrequests: You have reached your pull rate limit": ": its registry lets no more pulls through for now",
    "dial tcp: lookup registry-1.docker.io: no such host": ": its registry cannot be reached",
    "Get \"https://h/v2/\": net/http: request canceled (Client.Timeout exceeded)": ": its registry cannot be reached",
    "write /var/lib/docker/x: no space left on device": ": the disk is full",
    "no matching manifest for linux/arm64/v8 in the manifest list entries": ": there is none for this machine's processor",
    "something new": "",
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), PULLS.items(), ids=PULLS)
def test_an_image_that_does_not_come(text: str, reason: str) -> None:
    found = explain_pull("x:9", text)
    assert found.message == f"the image x:9 cannot be pulled{reason}\n  | {text}"
    assert found.hint.endswith(LOCAL_INSTEAD)


STARTS = {
    'could not select device driver "nvidia" with capabilities: [[gpu]]': "Docker cannot hand NVIDIA GPUs to a container",
    'error gathering device information while adding custom device "/dev/kfd": no such file or directory': (
        "this machine has no AMD GPU's devices to hand to a container"
    ),
    "Bind for 127.0.0.1:4000 failed: port is already allocated": "a port that the stack publishes is taken",
    "listen tcp4 10.0.0.9:4000: bind: cannot assign requested address": "GATEWAY_HOST is not an address of this machine",
    "something new": "docker compose up failed",
}


@pytest.mark.parametrize(("text", "message"), STARTS.items(), ids=STARTS)
def test_containers_that_do_not_start(text: str, message: str) -> None:
    tail = [f"Error response from daemon: {text}", 'time="now" level=warning msg="not told"']
    assert explain_start(tail).message == f"{message}\n  | Error response from daemon: {text}"


@pytest.mark.parametrize("text", ["2.20.0", "2.26.1-4", "v2.40.3", "5.0.1"])
def test_a_compose_that_is_new_enough(text: str) -> None:
    check_compose_version(text)


@pytest.mark.parametrize("text", ["2.19.1", "1.29.2", "dev"])
def test_a_compose_that_is_too_old(text: str) -> None:
    with pytest.raises(SetupError) as caught:
        check_compose_version(text)
    assert caught.value.message == f"Docker Compose {text} is too old: docker-compose.yml needs 2.20 or newer"


def test_a_missing_command_and_a_missing_plugin_are_told_apart() -> None:
    assert no_compose(["[Errno 2] No such file or directory: 'docker'"]).message == "the docker command is not installed"
    assert no_compose(["docker: 'compose' is not a docker command."]).message == "Docker Compose is not installed"
