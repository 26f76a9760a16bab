"""The client programs of the end-to-end tests, and a wire tap between them and the stack."""

from __future__ import annotations

import http.client
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.conftest import ROOT

FOLDER = ROOT / ".slipway/envs/clients"
NODE_PROGRAMS = FOLDER / "node_modules/.bin"
_OWN = ("connection", "transfer-encoding", "keep-alive")


def install_tools() -> None:
    """Install the clients where they are not there yet (scripts/test.sh has done so)."""
    subprocess.run([str(ROOT / "scripts/install_test_clients.sh")], check=True, timeout=900)


def run_tool(argv: list[str], folder: Path, environ: dict[str, str], seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a client in `folder`, which is its home too, with nothing of this process's environment but where programs are."""
    env = {"PATH": f"{NODE_PROGRAMS}:{FOLDER / 'bin'}:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", **environ}
    return subprocess.run(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=seconds, check=False)


class Tap:
    """Hands requests on to the stack and notes each one's method, path and status."""

    def __init__(self, target: str) -> None:
        self.seen: list[tuple[str, str, int]] = []
        self._target = urlsplit(target).netloc
        tap = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                upstream = http.client.HTTPConnection(tap._target, timeout=120)
                try:
                    upstream.request(self.command, self.path, body, {**self.headers, "connection": "close", "host": tap._target})
                    answer = upstream.getresponse()
                    tap.seen.append((self.command, self.path.partition("?")[0], answer.status))
                    self.send_response(answer.status)
                    for name, value in answer.getheaders():
                        if name.lower() not in _OWN:
                            self.send_header(name, value)
                    self.send_header("connection", "close")
                    self.end_headers()
                    while chunk := answer.read1():
                        self.wfile.write(chunk)
                        self.wfile.flush()
                except (BrokenPipeError, ConnectionResetError):  # the client has heard enough
                    pass
                finally:
                    upstream.close()
                self.close_connection = True

            do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = handle_one

            def log_message(self, format: str, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def refused(self) -> list[tuple[str, str, int]]:
        return [seen for seen in self.seen if seen[2] >= 400]

    @contextmanager
    def running(self) -> Iterator[Tap]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
