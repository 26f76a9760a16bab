"""kill -9 of each part: supervision brings it back, and nothing that was promised is lost."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

import httpx

from tests.e2e.conftest import Stack, until


def kill(stack: Stack, part: str) -> int:
    """kill -9 of one part; gives the process id it had."""
    pid = int(stack.part(part)["pid"])
    os.kill(pid, signal.SIGKILL)
    return pid


def ready_again(stack: Stack, part: str, killed: int) -> None:
    until(lambda: stack.part(part)["pid"] != killed and stack.status()["state"] == "ready", 180, f"{part} is back and all is ready")


HELLO = [{"role": "user", "content": "Hello"}]
# path: body, and what its protocol calls the error
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "/v1/chat/completions": ({"messages": HELLO, "max_tokens": 5}, "service_unavailable"),
    "/v1/completions": ({"prompt": "Hello", "max_tokens": 5}, "service_unavailable"),
    "/v1/responses": ({"input": "Hello", "max_output_tokens": 5}, "service_unavailable"),
    "/v1/embeddings": ({"input": "Hello"}, "service_unavailable"),
    "/v1/messages": ({"messages": HELLO, "max_tokens": 5}, "overloaded_error"),
    "/v1/messages/count_tokens": ({"messages": HELLO}, "overloaded_error"),
}


def test_while_the_engine_is_away_clients_of_every_protocol_read_a_503_and_then_it_recovers(stack: Stack) -> None:
    killed = kill(stack, "engine")
    with stack.client() as client:

        def ask(path: str, streaming: bool = False) -> httpx.Response:
            return client.post(path, json={"model": "vllm_agent", **ASKED[path][0], **({"stream": True} if streaming else {})})

        until(lambda: ask("/v1/chat/completions").status_code == 503, 20, "a 503")
        for path, (_, kind) in ASKED.items():
            for streaming in (False, True) if path not in ("/v1/embeddings", "/v1/messages/count_tokens") else (False,):
                refused = ask(path, streaming)
                error = refused.json()["error"]
                told = (refused.status_code, refused.headers.get("retry-after"), error.get("code", error["type"]))
                assert told == (503, "5", kind), (path, streaming, refused.text)
                assert re.match(r"The engine is (starting|down): .*`./runMe.sh status`", error["message"]), refused.text

        ready_again(stack, "engine", killed)
        # the demo model makes no embeddings, which its engine says itself
        assert {path: ask(path).status_code for path in ASKED} == {**dict.fromkeys(ASKED, 200), "/v1/embeddings": 404}


def test_after_a_kill_of_the_engine_no_worker_of_it_is_left(stack: Stack) -> None:
    import psutil

    workers = {child.pid for child in psutil.Process(stack.part("engine")["pid"]).children(recursive=True)}
    killed = kill(stack, "engine")
    ready_again(stack, "engine", killed)

    alive = [pid for pid in workers if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    assert workers
    assert alive == []


def test_a_killed_gateway_comes_back_with_its_keys(stack: Stack, virtual_key: str) -> None:
    killed = kill(stack, "gateway")
    ready_again(stack, "gateway", killed)

    assert stack.chat("Hello", key=virtual_key).status_code == 200


def test_a_killed_database_comes_back_with_its_keys_and_the_gateway_goes_on(stack: Stack, virtual_key: str) -> None:
    killed = kill(stack, "database")
    ready_again(stack, "database", killed)

    until(lambda: stack.chat("Hello", key=virtual_key).status_code == 200, 60, "the key made before works")
    with stack.client() as client:
        until(lambda: client.post("/key/generate", json={}).status_code == 200, 60, "a new key can be made")


def test_the_gateways_query_engine_comes_back(stack: Stack) -> None:
    import psutil

    children = psutil.Process(stack.part("gateway")["pid"]).children(recursive=True)
    engines = [child for child in children if "query_engine.mjs" in " ".join(child.cmdline()) or child.name() == "query-engine"]
    assert len(engines) == 1
    engines[0].kill()

    with stack.client() as client:
        until(lambda: client.post("/key/generate", json={}).status_code == 200, 60, "a new key can be made")
