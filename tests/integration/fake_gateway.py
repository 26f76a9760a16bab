#!/usr/bin/env python3
# ruff: noqa: T201
"""A stand-in for LiteLLM: reads the rendered config.yaml, checks the key, applies the defaults, asks the engine.

FAKE_GATEWAY_CRASH   print this text (`\\n` is a line end) and die at once
FAKE_GATEWAY_HANG    say one line, then nothing for as long as the file of this name exists
"""

from __future__ import annotations

import json
import os
import signal
import socket
import socketserver
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def argument(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def database_state() -> str:
    """Whether PostgreSQL takes connections, on its unix socket or its port."""
    url = urlsplit(os.environ["DATABASE_URL"])
    folder = parse_qs(url.query).get("host", [""])[0]
    try:
        if folder:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(f"{folder}/.s.PGSQL.5432")
        else:
            socket.create_connection((url.hostname, url.port), timeout=1).close()
    except OSError as error:
        return f"away: {error}"
    return "connected"


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        state = database_state()
        if self.path == "/health/readiness":
            self.answer(200 if state == "connected" else 503, {"status": "healthy", "db": state})
        elif self.path == "/health/liveliness":
            self.answer(200, "I'm alive!")
        elif self.path == "/v1/models":
            self.answer(200, {"data": [{"id": name} for name in ROUTES]})
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {os.environ['LITELLM_MASTER_KEY']}":
            self.answer(401, {"error": "invalid key"})
        elif body["model"] not in ROUTES:
            self.answer(404, {"error": f"no model {body['model']}"})
        elif self.path == "/v1/messages/count_tokens":
            self.answer(400, {"error": "the fake model reads text only"})
        elif self.path == "/v1/messages":
            self.stream("message_start", "content_block_delta", "message_stop")
        else:
            self.answer(*ask_engine(ROUTES[body["model"]], body))

    def answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, *events: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write("".join(f"event: {name}\ndata: {{}}\n\n" for name in events).encode())
        self.close_connection = True

    def log_message(self, format: str, *values: object) -> None:
        pass


def ask_engine(route: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
    defaults = {name: value for name, value in route.items() if name not in ("model", "api_base", "api_key", "max_parallel_requests")}
    asked = {**defaults, **body, "model": route["model"].removeprefix("hosted_vllm/")}
    headers = {"Authorization": f"Bearer {os.environ['VLLM_API_KEY']}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{route['api_base']}/chat/completions", json.dumps(asked).encode(), headers)
    try:
        with _opener.open(request, timeout=10) as response:
            return 200, json.load(response)
    except (OSError, urllib.error.URLError) as error:
        return 500, {"error": str(error)}


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


ROUTES: dict[str, dict[str, Any]] = {}


def main() -> None:
    # in a container, the first process gets no signal that it does not ask for
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    print("LiteLLM: starting", flush=True)
    if text := os.environ.get("FAKE_GATEWAY_CRASH"):
        print(text.replace("\\n", "\n"), flush=True)
        os._exit(3)
    while Path(os.environ.get("FAKE_GATEWAY_HANG", "/nowhere")).exists():
        time.sleep(0.05)
    config = yaml.safe_load(Path(argument("--config")).read_text())
    ROUTES.update({route["model_name"]: route["litellm_params"] for route in config["model_list"]})
    with Server((argument("--host"), int(argument("--port"))), Api) as server:
        print("LiteLLM: ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
