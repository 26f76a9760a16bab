"""Health checks over HTTP: what counts as ready, and that nothing is raised."""

from __future__ import annotations

import base64
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from slipway.observe.health import Answer, engine_ready, first_answer, gateway_ready, get, reads_images
from slipway.secrets import Secret


class FakePart(BaseHTTPRequestHandler):
    """Answers with what `answers` holds for a path, and keeps what it was asked."""

    answers: ClassVar[dict[str, tuple[int, str]]] = {}
    asked: ClassVar[list[tuple[str, str, str | None, str]]] = []

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.asked.append((self.command, self.path, self.headers.get("Authorization"), self.rfile.read(length).decode()))
        status, text = self.answers.get(self.path, (404, ""))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the screen."""


@pytest.fixture
def url() -> Iterator[str]:
    FakePart.answers.clear()
    FakePart.asked.clear()
    with HTTPServer(("127.0.0.1", 0), FakePart) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (404, False)])
def test_an_engine_is_ready_when_its_health_is_200(url: str, status: int, ready: bool) -> None:
    FakePart.answers["/health"] = (status, "")
    assert engine_ready(url) is ready


@pytest.mark.parametrize(
    ("status", "body", "ready"),
    [
        (200, '{"status": "connected", "db": "connected"}', True),
        (200, '{"status": "connected", "db": "Not connected"}', False),
        (200, "[]", False),
        (200, "no json", False),
        (503, '{"db": "connected"}', False),
    ],
)
def test_a_gateway_is_ready_when_it_has_its_database(url: str, status: int, body: str, ready: bool) -> None:
    FakePart.answers["/health/readiness"] = (status, body)
    assert gateway_ready(url) is ready


def test_nothing_that_listens_is_not_ready_and_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = get(f"http://127.0.0.1:{port}/health")
    assert (answer.status, answer.ok, "refused" in answer.text) == (0, False, True)


def test_what_speaks_no_http_is_not_ready() -> None:
    """On a port that nothing listens on, of those that Linux gives to clients, a client may even be connected to itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(65536))

        thread = threading.Thread(target=echo)
        thread.start()
        answer = get(f"http://127.0.0.1:{server.getsockname()[1]}/health")
        thread.join(10)
    assert (answer.status, answer.ok) == (0, False)


def test_an_error_s_body_is_part_of_the_answer(url: str) -> None:
    FakePart.answers["/x"] = (500, '{"error": "why"}')
    assert get(f"{url}/x") == Answer(500, '{"error": "why"}')
    assert get(f"{url}/x").json() == {"error": "why"}


def test_the_first_answer_is_one_token_with_the_key_under_a_name_of_its_own(url: str) -> None:
    FakePart.answers["/v1/chat/completions"] = (200, "{}")
    assert first_answer(url, Secret("sk-mine"), "demo") == Answer(200, "{}")
    [(method, path, key, body)] = FakePart.asked
    assert (method, path, key) == ("POST", "/v1/chat/completions", "Bearer sk-mine")
    assert json.loads(body) == {
        "model": "demo",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 1,
        "min_tokens": 0,
        "user": "slipway-launch",
    }


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    FakePart.answers["/health"] = (200, "")
    assert engine_ready(url)


@pytest.mark.parametrize(
    ("status", "body", "reads"),
    [
        (200, '{"input_tokens": 40, "litellm_count_source": "provider"}', True),
        (200, '{"input_tokens": 92, "litellm_count_source": "local_estimate"}', False),
        (400, '{"type": "error"}', False),
        (503, "", False),
    ],
)
def test_a_model_reads_images_when_the_engine_counts_one(url: str, status: int, body: str, reads: bool) -> None:
    FakePart.answers["/v1/messages/count_tokens"] = (status, body)

    assert reads_images(url, Secret("sk-1"), "m") is reads
    [(method, _, key, asked)] = FakePart.asked
    [part] = json.loads(asked)["messages"][0]["content"]
    picture = base64.b64decode(part["source"]["data"])
    assert (method, key, picture[:8], zlib.crc32(picture[12:29])) == (
        "POST",
        "Bearer sk-1",
        b"\x89PNG\r\n\x1a\n",
        int.from_bytes(picture[29:33]),
    )
