"""An engine that costs next to nothing: answers prepared as bytes, in vLLM's form, with a pause between two tokens.

    python -m benchmarks.stub_engine --port N [--tokens N]

Runs with the gateway's Python, which has uvloop. The request's `seed` is the pause in milliseconds; without one a whole answer is
sent in few writes, as fast as it is read. A streamed answer has `max_tokens` tokens, at most N.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import time
from dataclasses import dataclass
from typing import Any, cast

import uvloop

_LIMIT = re.compile(rb'"max_tokens": *(\d+)')
_PAUSE = re.compile(rb'"seed": ?(\d+)')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: uvicorn\r\n"
_BURST = 64  # unpaced: events in one write
_ID = b"0123456789abcdef"  # of an answer, where it begins; a spend row has it for its key
_ids = itertools.count(time.time_ns())


def _chunk(data: bytes) -> bytes:
    """One chunk of the chunked transfer encoding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(body: Any) -> bytes:
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


@dataclass(frozen=True)
class Answers:
    """Prepared bytes of one length of answer, in tokens."""

    first: bytes
    token: bytes
    last: bytes
    usage: bytes
    done: bytes
    whole: bytes
    models: bytes
    count: bytes


def prepare_answers(model: str, tokens: int) -> Answers:
    usage = {"prompt_tokens": 12, "total_tokens": 12 + tokens, "completion_tokens": tokens, "prompt_tokens_details": None}

    def delta(content: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": content, "logprobs": None, "finish_reason": reason}
        return _event({**_stem(model), "object": "chat.completion.chunk", "choices": [choice]})

    message = {"role": "assistant", "content": " token" * tokens, "tool_calls": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "length"}
    body = {**_stem(model), "object": "chat.completion", "choices": [choice], "usage": usage}
    return Answers(
        first=_HEAD + b"content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
        + _chunk(delta({"role": "assistant", "content": ""})),
        token=_chunk(delta({"content": " token"})),
        last=_chunk(delta({"content": ""}, "length")),
        usage=_chunk(_event({**_stem(model), "object": "chat.completion.chunk", "choices": [], "usage": usage})),
        done=_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n",
        whole=_json(body),
        models=_json({"object": "list", "data": [{"id": model, "object": "model", "max_model_len": 32768}]}),
        count=_json({"count": 12, "max_model_len": 32768, "tokens": []}),
    )  # fmt: skip


def _json(body: dict[str, Any]) -> bytes:
    text = json.dumps(body).encode()
    return _HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(text) + text


def _with_id(data: bytes) -> bytes:
    return data.replace(_ID, b"%016x" % next(_ids), 1)


def _stem(model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{_ID.decode()}", "created": 1767225600, "model": model}


class Steps:
    """The engine's step: one timer, at which every running request with this pause (in seconds) gets its next token."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._running: set[Connection] = set()
        self._due = 0.0

    def add(self, connection: Connection) -> None:
        if not self._running:
            self._due = self._loop.time() + self._pause
            self._loop.call_at(self._due, self._step)
        self._running.add(connection)

    def discard(self, connection: Connection) -> None:
        self._running.discard(connection)

    def _step(self) -> None:
        for connection in tuple(self._running):
            connection.send_token()
        if self._running:
            self._due += self._pause
            self._loop.call_at(self._due, self._step)


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests come one after the other."""

    def __init__(self, answers: Answers, tokens: int, steps: dict[int, Steps]) -> None:
        self._answers, self._tokens, self._all_steps = answers, tokens, steps
        self._steps: Steps | None = None  # of the answer that is being sent
        self._buffer = b""
        self._left = 0  # tokens still to be sent
        self._usage = self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def connection_lost(self, error: Exception | None) -> None:
        if self._steps:
            self._steps.discard(self)
        self._left = 0

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._left and not self._steps:
            self._burst()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head)
        end = head + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < end:
            return
        request, self._buffer = self._buffer[:end], self._buffer[end:]
        if request.startswith(b"GET "):
            self._transport.write(self._answers.models)
        elif request.startswith(b"POST /tokenize "):
            self._transport.write(self._answers.count)
        else:
            self._answer(request[head:])

    def _answer(self, body: bytes) -> None:
        if b'"stream":true' not in body and b'"stream": true' not in body:
            self._transport.write(_with_id(self._answers.whole))
            return
        self._usage = b'"include_usage":true' in body or b'"include_usage": true' in body
        limit = _LIMIT.search(body)
        self._left = min(self._tokens, int(limit[1])) if limit else self._tokens
        self._transport.write(_with_id(self._answers.first))
        found = _PAUSE.search(body)
        pause = int(found[1]) if found else 0
        if not pause:
            self._steps = None
            self._burst()
            return
        if pause not in self._all_steps:
            self._all_steps[pause] = Steps(pause / 1000)
        self._steps = self._all_steps[pause]
        self._steps.add(self)

    def send_token(self) -> None:
        self._left -= 1
        if self._left:
            self._transport.write(self._answers.token)
        else:
            if self._steps:
                self._steps.discard(self)
            self._finish(self._answers.token)

    def _burst(self) -> None:
        while self._left and not self._paused:
            count = min(_BURST, self._left)
            self._left -= count
            if self._left:
                self._transport.write(self._answers.token * count)
            else:
                self._finish(self._answers.token * count)

    def _finish(self, tokens: bytes) -> None:
        self._transport.write(tokens + self._answers.last + (self._answers.usage if self._usage else b"") + self._answers.done)


async def serve(port: int, tokens: int) -> None:
    """Serve until cancelled."""
    answers = prepare_answers("vllm_agent", tokens)
    steps: dict[int, Steps] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answers, tokens, steps), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens", type=int, default=256)
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.tokens))


if __name__ == "__main__":
    main()
