"""A load generator that costs next to nothing: N clients, each with one connection and one request after the other.

    python -m benchmarks.load --url URL --streams N --seconds S [--key KEY] [--plain | --pause MS] [--warm S] [--tokens N]

Runs with the gateway's Python, which has uvloop. Prints one JSON object: requests, events, their rates, errors, the times to
the first token in seconds (time to the answer with --plain), and the CPU that it used itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import time
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import uvloop

_MOST = 9999  # tokens, more than the stub's answers have
_LIMIT = b'"max_tokens": %4d'
_SAMPLES = 2000  # times that are printed


@dataclass
class Counts:
    """What all clients have seen since `started`, on the loop's clock."""

    started: float
    ends: float
    requests: int = 0
    events: int = 0
    errors: int = 0
    first: list[float] = field(default_factory=list)
    note: str = ""


class Client(asyncio.Protocol):
    """Sends the prepared request again whenever its answer is complete, until the time is over."""

    def __init__(self, request: bytes, tokens: int, counts: Counts, done: asyncio.Future[None]) -> None:
        self._request, self._counts, self._done = request, counts, done
        self._head, self._left, self._sent, self._waiting = b"", -1, 0.0, False
        self._tail = b""
        # the first answer is of any length, so that streams end evenly spread over time, as they do in the long run
        self._next = request.replace(_LIMIT % tokens, _LIMIT % random.randint(1, min(tokens, 256)))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done() and time.perf_counter() < self._counts.ends:
            self._counts.errors += 1
            self._counts.note = f"connection lost: {error}"
            self._done.set_result(None)

    def _send(self) -> None:
        self._sent, self._head, self._left, self._waiting, self._tail = time.perf_counter(), b"", -1, True, b""
        self._transport.write(self._next)
        self._next = self._request

    def data_received(self, data: bytes) -> None:
        if self._left == -1:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data = self._head[:end], self._head[end + 4 :]
            if not head.startswith(b"HTTP/1.1 200"):
                self._counts.errors += 1
                self._counts.note = (head + data)[:2000].decode(errors="replace")
            length = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
            self._left = int(length) if length else -2
            if not data:
                return
        self._body(data)

    def _body(self, data: bytes) -> None:
        now, counts = time.perf_counter(), self._counts
        counted = counts.started <= now < counts.ends
        if self._waiting:
            self._waiting = False
            if counted:
                counts.first.append(now - self._sent)
        if self._left == -2:  # chunked
            if counted:
                counts.events += data.count(b"data: ")
            self._tail = (self._tail + data)[-5:]
            over = self._tail == b"0\r\n\r\n"
        else:
            self._left -= len(data)
            over = self._left <= 0
        if over:
            if counted:
                counts.requests += 1
            if now >= counts.ends:
                self._done.set_result(None)
                self._transport.close()
            else:
                self._send()


def build_request(load: Load) -> bytes:
    """The stub takes `seed` for the milliseconds between two tokens."""
    parts = urlsplit(load.url)
    body: dict[str, object] = {"model": "vllm_agent", "messages": [{"role": "user", "content": "Say something."}], "max_tokens": _MOST}
    if not load.plain:
        body |= {"stream": True, "seed": load.pause}
    text = json.dumps(body).encode().replace(_LIMIT % _MOST, _LIMIT % load.tokens)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {load.key}\r\n"
    head += "content-type: application/json\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(text) + text


@dataclass(frozen=True)
class Load:
    """One measurement; `warm` seconds come before the `seconds` that count."""

    url: str
    key: str
    streams: int
    seconds: float
    warm: float
    plain: bool
    pause: int
    tokens: int


async def run_load(load: Load) -> Counts:
    loop = asyncio.get_running_loop()
    parts = urlsplit(load.url)
    request = build_request(load)
    started = time.perf_counter() + load.warm
    counts = Counts(started, started + load.seconds)
    waits = []
    for number in range(load.streams):
        done: asyncio.Future[None] = loop.create_future()
        waits.append(done)

        def client(done: asyncio.Future[None] = done) -> Client:
            return Client(request, load.tokens, counts, done)

        await loop.create_connection(client, parts.hostname or "127.0.0.1", parts.port or 80)
        # not all in one instant, which no real set of clients is
        await asyncio.sleep(min(load.warm / 2, 1.0) / load.streams if number % 8 == 7 else 0)
    # streams that are open when the time is over are dropped, as if their clients went away
    await asyncio.wait(waits, timeout=max(0.0, counts.ends - time.perf_counter()) + 0.2)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", default="sk-FAKE")
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--warm", type=float, default=2)
    parser.add_argument("--plain", action="store_true", help="without streaming")
    parser.add_argument("--pause", type=int, default=0, help="milliseconds between two tokens")
    parser.add_argument("--tokens", type=int, default=_MOST, help="longest streamed answer")
    options = parser.parse_args()
    load = Load(**vars(options))
    counts = uvloop.run(run_load(load))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "requests": counts.requests,
                "events": counts.events,
                "requests_per_s": counts.requests / options.seconds,
                "events_per_s": counts.events / options.seconds,
                "errors": counts.errors,
                "note": counts.note,
                "first": _evenly(sorted(counts.first)),
                "cpu": used.ru_utime + used.ru_stime,
            }
        )
    )


def _evenly(times: list[float]) -> list[float]:
    """At most _SAMPLES of them."""
    return [round(time, 6) for time in times[:: len(times) // _SAMPLES + 1]]


if __name__ == "__main__":
    main()
