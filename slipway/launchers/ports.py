"""Says whether a port can be listened on, and who has it when it cannot."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection

import psutil

from slipway.errors import ConfigError, Problem
from slipway.resolve import Settings


def check_port(settings: Settings, name: str, host: str, own: Collection[int] = ()) -> None:
    """Raises ConfigError when setting `name`'s port cannot be bound; processes in `own` may have it already."""
    port = settings.integer(name)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            return
        except (OSError, UnicodeError) as error:
            number = getattr(error, "errno", None)
    owner = listener(port) if number == errno.EADDRINUSE else None
    if owner and owner.pid in own:
        return
    reason, hint = {
        errno.EADDRINUSE: (f"port {port} is in use by {describe(owner)}", f"end it, or set {name} to another port"),
        errno.EACCES: (f"port {port} is for root only", f"set {name} to a port above 1023"),
    }.get(number or 0, (f"{host} is not an address of this machine", "set GATEWAY_HOST=127.0.0.1"))
    if number not in (errno.EADDRINUSE, errno.EACCES):
        name = "GATEWAY_HOST"
    source = settings.source(name)
    raise ConfigError([Problem(source.label, source.line, f"{name}: {reason}", hint)])


def listener(port: int) -> psutil.Process | None:
    """The process that listens on a TCP port, if this user may see it."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port and connection.pid:
            try:
                return psutil.Process(connection.pid)
            except psutil.NoSuchProcess:
                return None
    return None


def describe(process: psutil.Process | None) -> str:
    """`name (process 123)`, or what can be said of a process that is another user's."""
    if process is None:
        return "a process of another user"
    try:
        return f"{process.name()} (process {process.pid})"
    except psutil.Error:
        return f"process {process.pid}"
