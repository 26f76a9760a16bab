"""Runs inside LiteLLM: does at start what LiteLLM would do during the first requests, and holds readiness back until then.

LiteLLM imports features, builds types and compiles patterns when a request first needs them, on the event loop, where every
other request waits: seconds in all. One request of each kind goes through the whole application here, before `/health/readiness`
says that the worker is ready. They fail as a rule, for the engine takes longer to start, and ask for one token where it is there;
their rows in LiteLLM's log bear the launch's name, and `usage` leaves them out.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import linecache
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from slipway.gateway.heap import give_memory_back

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# who asks what Slipway asks for itself, here and at a launch: `usage` leaves it out
LAUNCH_USER = "slipway-launch"
_LOG = logging.getLogger(__name__)
_NOT_YET = json.dumps({"status": "starting", "message": "This worker is warming up; it will be ready in a few seconds."}).encode()
# what LiteLLM imports with the first rows that it writes, and with the first text whose tokens it estimates; and what it tries to import
# on each request although it is not installed: the second failure need not search the disk again
_IMPORTED_LATER = (
    "litellm.proxy.db.tool_registry_writer", "litellm.proxy.guardrails.usage_tracking", "litellm.litellm_core_utils.default_encoding",
    "litellm.integrations.otel.logger",
)  # fmt: skip
# objects, and collections of the younger ones, after which Python looks for garbage: what belongs to a request is in cycles, and
# with the thresholds of the start (slipway/startup) a busy worker keeps 20 MB of it
_COLLECT = (2_000, 10, 25)
_tasks: set[asyncio.Task[None]] = set()


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    from litellm.proxy import proxy_server

    app = proxy_server.app
    gate = Gate(app.middleware_stack)
    app.middleware_stack = gate
    task = asyncio.get_running_loop().create_task(_warm(proxy_server, gate))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


class Gate:
    """ASGI middleware: readiness is 503 until `open` is set."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.open = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.open or scope["type"] != "http" or scope["path"] != "/health/readiness":
            await self._app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_NOT_YET)), (b"retry-after", b"1")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": _NOT_YET})


async def _warm(proxy_server: Any, gate: Gate) -> None:
    """Wait until LiteLLM has read its configuration, then send it one request of each kind; opens the gate whatever comes of them."""
    try:
        while proxy_server.llm_router is None or proxy_server.prisma_client is None:
            await asyncio.sleep(0.05)
        _import_ahead()
        names = proxy_server.llm_router.get_model_names()
        for path, body in _requests(names[0]):
            await ask(proxy_server.app, path, body, proxy_server.master_key or "")
        _settle()
    except Exception:
        # a worker that could not be warmed serves all the same, only its first requests are slower
        _LOG.exception("warming up failed")
    finally:
        gate.open = True


def _import_ahead() -> None:
    for name in _IMPORTED_LATER:
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = None  # type: ignore[assignment]


def _settle() -> None:
    """What is loaded by now stays: the garbage collector looks at it no more, which would hold the loop for 0.4 s every time, and
    the C library gives the memory back that only the start has needed."""
    import litellm.utils

    if tokenizer := sys.modules.get("litellm.litellm_core_utils.default_encoding"):
        tokenizer.encoding._mergeable_ranks = {}  # what it was made from, 15 MB beside the 20 that it takes
    # Claude's tokenizer, parsed: LiteLLM keeps these 12 MB beside the text that it goes on to use
    vars(litellm.utils).pop("json_data", None)
    # LiteLLM's source, 8 MB, which Python has read for what LiteLLM writes of the requests above that failed
    linecache.clearcache()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)
    gc.collect()  # it comes around to old objects when they have grown by a quarter since the last time: counted without the frozen ones
    give_memory_back()


def _requests(model: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and body of each: every protocol, whole and streamed, an unknown model, an unknown path."""
    short = {"model": model, "max_tokens": 1}
    messages = [{"role": "user", "content": "Hello"}]
    for stream in (False, True):
        yield "/v1/chat/completions", {**short, "messages": messages, "stream": stream}
        yield "/v1/completions", {**short, "prompt": "Hello", "stream": stream}
        yield "/v1/messages", {**short, "messages": messages, "stream": stream}
        yield "/v1/responses", {"model": model, "max_output_tokens": 1, "input": "Hello", "stream": stream}
    yield "/v1/embeddings", {"model": model, "input": "Hello"}
    yield "/v1/chat/completions", {"model": "no-such-model", "messages": messages}
    yield "/no-such-path", {}  # FastAPI makes ready each route that it looks at


async def ask(app: App, path: str, body: dict[str, Any], key: str) -> None:
    """One request to the application, from within; its answer is dropped."""
    text = json.dumps(body).encode()
    headers = [
        (b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"authorization", f"Bearer {key}".encode()),
        (b"x-litellm-end-user-id", LAUNCH_USER.encode()),
    ]  # fmt: skip
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [*headers, (b"content-length", b"%d" % len(text))],
        "client": ("127.0.0.1", 0), "server": ("127.0.0.1", 0), "state": {},
    }  # fmt: skip
    sent = [{"type": "http.request", "body": text, "more_body": False}]
    done = asyncio.Event()

    async def receive() -> Message:
        if sent:
            return sent.pop()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    try:
        await app(scope, receive, send)
    except Exception as error:
        _LOG.info("warming up %s: %r", path, error)
