"""Whether a port can be had, and who has it when not."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

import psutil
import pytest

from slipway.errors import ConfigError
from slipway.launchers.ports import check_port, describe, listener
from slipway.layers import read_defaults, read_overrides, read_vars
from slipway.resolve import Settings, resolve_settings


def settings(vars_env: str = "", *overrides: str) -> Settings:
    return resolve_settings([read_defaults(), read_vars("vars.env", vars_env, {}), read_overrides(overrides)])


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this very process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_passes_and_is_free_afterwards() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for _ in range(2):
        check_port(settings("", f"GATEWAY_PORT={port}"), "GATEWAY_PORT", "127.0.0.1")


def test_a_port_in_use_is_refused_with_the_process_that_has_it(taken: int) -> None:
    with pytest.raises(ConfigError) as caught:
        check_port(settings(f"\n\nGATEWAY_PORT={taken}\n"), "GATEWAY_PORT", "127.0.0.1")
    own = f"{psutil.Process().name()} (process {os.getpid()})"
    assert caught.value.message == (
        f"vars.env:3: GATEWAY_PORT: port {taken} is in use by {own} (end it, or set GATEWAY_PORT to another port)"
    )
    assert caught.value.exit_code == 2


def test_a_port_in_use_by_the_stack_itself_passes(taken: int) -> None:
    check_port(settings("", f"ENGINE_PORT={taken}"), "ENGINE_PORT", "127.0.0.1", own={os.getpid()})


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "2001:db8::7"])
def test_an_address_of_another_machine_is_refused_at_its_own_line(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_port(settings(f"GATEWAY_PORT=0{4000}\nGATEWAY_HOST={host}\n"), "GATEWAY_PORT", host)
    assert caught.value.message == f"vars.env:2: GATEWAY_HOST: {host} is not an address of this machine (set GATEWAY_HOST=127.0.0.1)"


def test_a_port_for_root_only_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unprivileged(socket.socket):  # these tests may run as root, which gets any port
        def bind(self, address: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", Unprivileged)
    with pytest.raises(ConfigError) as caught:
        check_port(settings("", "GATEWAY_PORT=80"), "GATEWAY_PORT", "127.0.0.1")
    assert caught.value.message == "-o: GATEWAY_PORT: port 80 is for root only (set GATEWAY_PORT to a port above 1023)"


def test_the_listener_of_a_port_is_found_by_its_number(taken: int) -> None:
    found = listener(taken)
    assert found is not None
    assert found.pid == os.getpid()


def test_a_process_that_may_not_be_seen_is_another_user_s() -> None:
    assert describe(None) == "a process of another user"
