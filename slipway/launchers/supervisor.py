"""supervisord: started once per stack, then controlled over its unix socket."""

from __future__ import annotations

import http.client
import socket
import time
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from slipway.errors import StackError
from slipway.launchers.base import Program


class Supervisor:
    """A client of one supervisord. Every call raises StackError when it does not answer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _call(self, method: str, *arguments: object) -> Any:
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=SupervisorTransport(None, None, serverurl=f"unix://{self._path}"))
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise StackError(f"supervisord refused {method}: {fault.faultString}") from fault
        except (OSError, http.client.HTTPException) as error:
            raise StackError("supervisord does not answer", hint="./runMe.sh down, then launch again") from error

    def alive(self) -> bool:
        try:
            self._call("getState")
        except StackError:
            return False
        return True

    def programs(self) -> dict[str, Program]:
        return {
            info["name"]: Program(info["name"], info["statename"], info["pid"], float(info["start"]), info["description"])
            for info in self._call("getAllProcessInfo")
        }

    def start(self, name: str) -> None:
        """Start a part without waiting for it; one that runs already is left alone."""
        if not self.programs()[name].running:
            self._call("startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop a part and wait until it is gone."""
        program = self.programs()[name]
        if program.running or program.state in ("BACKOFF", "STOPPING"):
            try:
                self._call("stopProcess", name, True)
            except StackError as error:
                if "NOT_RUNNING" not in error.message:
                    raise

    def shutdown(self, wait: Callable[[float], None] = time.sleep) -> None:
        """Stop all parts and supervisord itself; returns when its socket is gone, which is after the last part."""
        self._call("shutdown")
        while self._listens():
            wait(0.05)

    def _listens(self) -> bool:
        """Whether supervisord is there at all: while it stops its parts it refuses every call."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._path))
            except OSError:
                return False
        return True
