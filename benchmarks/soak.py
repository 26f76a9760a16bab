"""Minutes of everything that clients and engines do wrong, against the real engine; then nothing may be left over.

    python -m benchmarks.soak [--minutes 10] [--clients 8] [--restart-every SECONDS]

Clients stream to the end, go away in the middle, read slowly, ask without streaming; the engine is killed now and then, and its
supervisor starts it again. At the end: every answer that was complete has exactly one spend row, and the gateway's tasks, file
descriptors and connections to the engine and of clients are as many as before. Runs with the tests' Python, which has httpx.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import os
import random
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg

from benchmarks.gateway_process import Gateway, LaunchedStack, launched_stack
from slipway.database.urls import libpq_url

_BODY = {"model": "vllm_agent", "messages": [{"role": "user", "content": "What is the capital of France?"}], "temperature": 0}


@dataclass
class Seen:
    """What the clients have seen."""

    ends: float
    kinds: collections.Counter[str] = field(default_factory=collections.Counter)
    completed: list[str] = field(default_factory=list)  # call ids


async def client(http: httpx.AsyncClient, seen: Seen, chance: random.Random) -> None:
    while time.monotonic() < seen.ends:
        kind = chance.choice(["stream", "stream", "whole", "abort", "leave", "slow"])
        try:
            seen.kinds[f"{kind}: {await one(http, kind, seen, chance)}"] += 1
        except httpx.TransportError as error:
            seen.kinds[f"{kind}: {type(error).__name__}"] += 1
        await asyncio.sleep(chance.random() / 4)


async def one(http: httpx.AsyncClient, kind: str, seen: Seen, chance: random.Random) -> str:
    """One request; says how it ended."""
    body = {**_BODY, "max_tokens": 60, "stream": kind != "whole"}
    if kind == "abort":
        body |= {"max_tokens": 4000, "ignore_eos": True}
    async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        if answer.status_code != 200:
            await answer.aread()
            return str(answer.status_code)
        text, limit = "", chance.randrange(200, 4000 if kind == "abort" else 2000)
        async for part in answer.aiter_text():
            text += part
            if kind in ("abort", "leave") and len(text) > limit:
                return "left"
            if kind == "slow":
                await asyncio.sleep(0.05)
    if kind == "abort" or '"error"' in text or (kind != "whole" and not text.endswith("data: [DONE]\n\n")):
        return "broken off"
    seen.completed.append(answer.headers["x-litellm-call-id"])
    return f"complete, {answer.headers['x-slipway-lane']}"


async def restart_engine(stack: LaunchedStack, every: float, ends: float) -> int:
    """Kill the engine again and again, while there is time for it to come back."""
    kills = 0
    while time.monotonic() + every < ends:
        await asyncio.sleep(every)
        os.kill(int((stack.run / "engine.pid").read_text()), signal.SIGKILL)
        kills += 1
    return kills


def rows_of(stack: LaunchedStack, calls: list[str]) -> collections.Counter[str]:
    """Call id -> its number of spend rows."""
    url = libpq_url((stack.run / "secrets/DATABASE_URL").read_text().strip())
    with psycopg.connect(url) as connection:
        found = connection.execute('SELECT litellm_call_id FROM "LiteLLM_SpendLogs" WHERE litellm_call_id = ANY(%s)', (calls,)).fetchall()
    return collections.Counter(row[0] for row in found)


def left_over(process: psutil.Process, gateway: Gateway, tasks: Path) -> dict[str, int]:
    """What the gateway holds; connections to the database's engine apart: their pool is LiteLLM's, and as large as its last burst."""
    peers = collections.Counter(_peer(connection, gateway) for connection in process.net_connections("tcp"))
    return {
        "tasks": int(tasks.read_text() or 0),
        "connections to the engine": peers["engine"],
        "connections of clients": peers["client"],
        "other file descriptors": process.num_fds() - peers.total(),
    }


def _peer(connection: Any, gateway: Gateway) -> str:
    if connection.laddr.port == gateway.port:
        return "client" if connection.raddr else "listening"
    return "engine" if connection.raddr.port == urlsplit(gateway.engine).port else "database"


async def soak(stack: LaunchedStack, gateway: Gateway, options: argparse.Namespace, seen: Seen) -> int:
    head = {"Authorization": f"Bearer {stack.make_key()}"}
    limits = httpx.Limits(max_connections=options.clients, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=gateway.url, headers=head, timeout=120, limits=limits) as http:
        clients = [client(http, seen, random.Random(number)) for number in range(options.clients)]
        kills = asyncio.create_task(restart_engine(stack, options.restart_every, seen.ends))
        await asyncio.gather(*clients)
    return await kills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--restart-every", type=float, default=120, help="seconds between two kills of the engine")
    parser.add_argument("--port", type=int, default=4930)
    options = parser.parse_args()
    with launched_stack(options.port) as stack, tempfile.TemporaryDirectory() as folder:
        tasks = Path(folder) / "tasks"
        hooks = "benchmarks.watchdog:count_tasks"
        gateway = Gateway(stack, Path(folder), options.port + 20, stack.engine, hooks=hooks, environ={"TASKS": str(tasks)})
        with gateway.running() as process:
            asyncio.run(soak(stack, gateway, options, Seen(time.monotonic() + 5)))  # what the first requests open stays open
            time.sleep(8)
            before = left_over(process, gateway, tasks)
            seen = Seen(time.monotonic() + options.minutes * 60)
            kills = asyncio.run(soak(stack, gateway, options, seen))
            time.sleep(8)  # connections that are idle are dropped after 4 s, spend rows written after 2
            after = left_over(process, gateway, tasks)
            rows = rows_of(stack, seen.completed)
    wrong = {call: rows[call] for call in seen.completed if rows[call] != 1}
    print(json.dumps({"kills": kills, "seen": seen.kinds, "completed": len(seen.completed), "without one row": wrong,
                      "before": before, "after": after}, indent=1))  # fmt: skip
    if wrong or any(after[name] > before[name] for name in after):
        raise SystemExit("something is left over")


if __name__ == "__main__":
    main()
