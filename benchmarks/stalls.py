"""What holds the gateway's event loop for more than 50 ms once it is ready: first requests of each kind, then loads.

    python -m benchmarks.stalls [--port N] [--seconds S]

A launched stack's gateway, started again with the stub for an engine and `watchdog.py` among its hooks. Prints a line for each step:
how often the loop was held, for how long at most, and where. The machine must do nothing else: a process that does not get the core
looks the same from within.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import urllib.error
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.gateway import measure, stub
from benchmarks.gateway_process import Gateway, ask, launched_stack

_CHAT = {"model": "vllm_agent", "messages": [{"role": "user", "content": "Say something."}]}
_PAGES = ("/health/readiness", "/v1/models", "/no/such/path", "/key/info", "/user/info", "/model/info", "/global/spend", "/ui/")
# which LiteLLM loads at the first request for them
_FEATURES = ("/v1/mcp/server", "/guardrails/list", "/policies/list", "/prompts/list", "/v1/agents", "/vector_store/list", "/scim/v2/Users")
_LOADS = (("plain", 1), ("paced", 64), ("unpaced", 16), ("plain", 64), ("paced", 256))


def first_requests() -> Iterator[tuple[str, str, Any]]:
    """Label, path and body (None: GET) of what people and clients ask first."""
    for path in (*_PAGES, *_FEATURES):
        yield f"GET {path}", path, None
    yield "a new key", "/key/generate", {}
    for stream in (False, True):
        how = "streamed" if stream else "whole"
        yield f"chat, {how}", "/v1/chat/completions", {**_CHAT, "stream": stream}
        yield f"messages, {how}", "/v1/messages", {**_CHAT, "max_tokens": 5, "stream": stream}
        yield f"responses, {how}", "/v1/responses", {"model": "vllm_agent", "input": "Hello", "stream": stream}
        yield f"completions, {how}", "/v1/completions", {"model": "vllm_agent", "prompt": "Hello", "stream": stream}
    yield "embeddings", "/v1/embeddings", {"model": "vllm_agent", "input": "Hello"}
    yield "an unknown model", "/v1/chat/completions", {**_CHAT, "model": "nothing"}
    yield "a wrong type", "/v1/chat/completions", {**_CHAT, "max_tokens": "many"}
    for stream in (False, True):
        how = "streamed" if stream else "whole"
        own = {"max_tokens": 64, "verbosity": "low", "stream": stream}  # a parameter that the lane does not take
        yield f"LiteLLM's own chat, {how}", "/v1/chat/completions", {**_CHAT, **own}
        yield f"LiteLLM's own messages, {how}", "/v1/messages", {**_CHAT, **own}
        yield f"LiteLLM's own completions, {how}", "/v1/completions", {"model": "vllm_agent", "prompt": "Hello", **own}
        yield f"LiteLLM's own responses, {how}", "/v1/responses", {"model": "vllm_agent", "input": "Hello", **own}
    yield "LiteLLM's own embeddings", "/v1/embeddings", {"model": "vllm_agent", "input": "Hello", "verbosity": "low"}
    yield "GET /openapi.json", "/openapi.json", None  # with the routes of all these features


class Stalls:
    """What the watchdog has written."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen = path, 0

    def report(self, label: str) -> None:
        time.sleep(1)  # what a request leaves to be done later
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        found = [json.loads(line) for line in lines[self._seen :]]
        self._seen = len(lines)
        longest = max(found, key=lambda stall: float(stall["seconds"]), default=None)
        print(f"{label:45} {len(found):3}" + (f" {longest['seconds']:.3f} s {longest['frames'][-2:]}" if longest else ""), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4960)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    with launched_stack(options.port) as stack, stub(options.port + 10) as engine, tempfile.TemporaryDirectory() as folder:
        key, written = stack.make_key(), Path(folder) / "stalls"
        gateway = Gateway(
            stack, Path(folder), options.port + 20, engine, hooks="benchmarks.watchdog:install", environ={"STALLS": str(written)}
        )
        with gateway.running() as process:
            stalls = Stalls(written)
            stalls.report("before it is ready")
            for label, path, body in first_requests():
                with suppress(urllib.error.HTTPError):  # an error is an answer too
                    ask(gateway.url + path, body)
                stalls.report(label)
            for part, streams in _LOADS:
                measure(part, streams, "slipway", gateway.url, key, options.seconds, process)
                stalls.report(f"{part}, {streams}")


if __name__ == "__main__":
    main()
