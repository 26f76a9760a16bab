#!/usr/bin/env python3
# ruff: noqa: T201
"""A stand-in for vLLM: takes `vllm serve MODEL --flags…`, logs like it, and answers a few routes.

What it does is steered by its environment, which `-o env.FAKE_ENGINE_…=…` reaches:

    FAKE_ENGINE_LOAD_SECONDS    how long loading takes (default 0)
    FAKE_ENGINE_CRASH           print this text (`\\n` is a line end) and die at once
    FAKE_ENGINE_CRASH_LOADING   the same, halfway through the loading
    FAKE_ENGINE_HANG            say one line, then nothing for ever
    FAKE_ENGINE_IGNORE_TERM     ignore SIGTERM
    FAKE_ENGINE_WORKER          start a worker in the same process group, with shared memory, that outlives this process

A chat whose text is `die` ends the process in the middle of the request.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

SHARDS = 5
SHARED_BYTES = 4096


def setting(name: str) -> str:
    return os.environ.get(f"FAKE_ENGINE_{name}", "")


def say(text: str) -> None:
    """Like Python's logging, this does not mind that nobody reads on."""
    with contextlib.suppress(BrokenPipeError):
        print(f"(APIServer pid={os.getpid()}) {text}", flush=True)


def crash(text: str) -> None:
    print(text.replace("\\n", "\n"), flush=True)
    os._exit(1)


def flag(name: str, count: int = 1) -> list[str]:
    """The values after a flag, as vLLM's own parser would take them."""
    at = sys.argv.index(name)
    return sys.argv[at + 1 : at + 1 + count]


def served_names() -> list[str]:
    after = sys.argv[sys.argv.index("--served-model-name") + 1 :]
    return after[: next((index for index, word in enumerate(after) if word.startswith("--")), len(after))]


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(200, {})
        elif self.path == "/v1/models":
            self.answer(200, {"data": [{"id": name, "max_model_len": 4096} for name in served_names()]})
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {os.environ['VLLM_API_KEY']}":
            self.answer(401, {"error": "Unauthorized"})
            return
        asked = body["messages"][-1]["content"]
        if asked == "die":
            os._exit(1)
        say(f"chat: {asked}")
        self.answer(200, {"model": body["model"], "fake": body, "choices": [{"message": {"content": f"You said: {asked}"}}]})

    def answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: object) -> None:
        if self.path != "/health":
            say(format % values)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def start_worker() -> None:
    """Like vLLM's engine core: a child that holds shared memory and does not notice that its parent is gone."""
    name = f"psm_{Path(os.environ['VLLM_RPC_BASE_PATH']).parent.name}_{os.getpid()}"
    path = Path("/dev/shm") / name
    path.write_bytes(bytes(SHARED_BYTES))
    with path.open("r+b") as stream:
        memory = mmap.mmap(stream.fileno(), SHARED_BYTES)
    if os.fork() == 0:
        while memory:
            signal.pause()


def load() -> None:
    seconds = float(setting("LOAD_SECONDS") or 0)
    say("INFO Starting to load model")
    for shard in range(1, SHARDS + 1):
        time.sleep(seconds / SHARDS)
        say(f"Loading safetensors checkpoint shards: {100 * shard // SHARDS}% Completed | {shard}/{SHARDS} [00:01<00:00]")
        if shard > SHARDS // 2 and setting("CRASH_LOADING"):
            crash(setting("CRASH_LOADING"))
    say("INFO Loading weights took 0.10 seconds")


def stop(number: int, frame: object) -> None:
    say("Shutting down")
    os._exit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN if setting("IGNORE_TERM") else stop)
    say(f"INFO vLLM API server, arguments: {sys.argv[1:]}")
    if setting("CRASH"):
        crash(setting("CRASH"))
    if setting("WORKER"):
        start_worker()
    while setting("HANG"):
        signal.pause()
    load()
    address = (flag("--host")[0], int(flag("--port")[0]))
    with Server(address, Api) as server:
        say(f"INFO Starting vLLM server on http://{address[0]}:{address[1]}")
        server.serve_forever()


if __name__ == "__main__":
    main()
