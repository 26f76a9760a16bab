"""Gateways beside the launched one, on its database: with LANE=off, an engine that makes embeddings, or other settings; and keys."""

from __future__ import annotations

import copy
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from slipway.paths import build_paths
from tests.e2e.conftest import MASTER_KEY, ROOT, Stack, free_port, until


@dataclass(frozen=True)
class Pair:
    """Addresses of the gateway with the lane and of the one without, and the keys that cases name."""

    lane: str
    litellm: str
    keys: dict[str, str]


Change = Callable[[dict[str, Any]], object]


def add_route(config: dict[str, Any], name: str, id: str = "", **params: Any) -> None:
    """The stack's own route once more, by another name, with `params` of its own."""
    added = copy.deepcopy(next(route for route in config["model_list"] if route["model_name"] == "vllm_agent"))
    added["litellm_params"].update(params)
    config["model_list"].append({**added, "model_name": name, **({"model_info": {"id": id}} if id else {})})


@contextmanager
def further_gateway(stack: Stack, folder: Path, lane: str, engine: str = "", change: Change | None = None) -> Iterator[str]:
    """LiteLLM with the stack's own start script and configuration, except for its port, LANE, the engine's address, if given, and what
    `change` does with it; gives its own address."""
    run = _run_folder(stack)
    config = yaml.safe_load((run / "generated/config.yaml").read_text())
    config["environment_variables"]["LANE"] = lane
    for route in config["model_list"] if engine else ():
        route["litellm_params"]["api_base"] = f"{engine}/v1"
    if change:
        change(config)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    start = _start(run / "gateway.sh").replace(f"{run}/generated/config.yaml", str(path))
    with _process(stack, folder, "gateway", start, "/health/readiness") as url:
        yield url


@contextmanager
def both_gateways(stack: Stack, folder: Path, change: Change) -> Iterator[dict[str, str]]:
    """Two such gateways, by what LANE is on them: `on` and `off`."""
    with ExitStack() as running, ThreadPoolExecutor(2) as pool:

        def start(lane: str) -> AbstractContextManager[str]:
            (folder / lane).mkdir()
            return further_gateway(stack, folder / lane, lane, change=change)

        started = {lane: start(lane) for lane in ("on", "off")}
        yield dict(zip(started, pool.map(running.enter_context, started.values()), strict=True))


@contextmanager
def embedding_engine(stack: Stack, folder: Path) -> Iterator[str]:
    """The stack's engine once more, with the same model as one for embeddings; gives its address."""
    command, _, options = _start(_run_folder(stack) / "generated/engine.sh").partition("vllm serve")
    model, flags = options.split()[0], dict(re.findall(r"(--[\w-]+) ([^-\\\n]+)", options))
    kept = ("--max-model-len", "--kv-cache-memory-bytes", "--gpu-memory-utilization", "--host", "--port", "--served-model-name")
    # one text at a time: others in the same batch would change the last digits of its numbers
    words = [model, "--enforce-eager --runner pooling --convert embed --max-num-seqs 1", *(f"{name} {flags[name]}" for name in kept)]
    with _process(stack, folder, "engine", f"{command}vllm serve {' '.join(words)}\n", "/health") as url:
        yield url


def _run_folder(stack: Stack) -> Path:
    return build_paths(ROOT, stack.environ, stack.environ["STACK_NAME"]).run


def _start(script: Path) -> str:
    """What of a start script is not for supervision."""
    text = script.read_text()
    return text[text.index("export PATH=") :]


@contextmanager
def _process(stack: Stack, folder: Path, name: str, start: str, ready: str) -> Iterator[str]:
    """Run a start script on a free port until it is `ready`; gives its address."""
    port = free_port()
    script, written = folder / f"{name}.sh", folder / f"{name}.log"
    script.write_text(re.sub(r"--port \d+", f"--port {port}", start))
    url = f"http://127.0.0.1:{port}"
    with written.open("wb") as log:
        process = subprocess.Popen(["sh", str(script)], env=os.environ | stack.environ, stdout=log, stderr=log, start_new_session=True)
        try:
            until(lambda: process.poll() is not None or _answers(f"{url}{ready}"), 180, f"the {name} is ready")
            assert process.poll() is None, written.read_text()
            yield url
        finally:
            process.terminate()
            process.wait(60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def make_keys(url: str) -> dict[str, str]:
    """The keys that cases name."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {MASTER_KEY}"}, timeout=60) as admin:

        def post(path: str, **body: Any) -> Any:
            return admin.post(path, json=body).raise_for_status().json()

        def key(**body: Any) -> str:
            return str(post("/key/generate", **body)["key"])

        team = post("/team/new", team_alias="conformance")["team_id"]
        keys = {
            "master": MASTER_KEY,
            "plain": key(),
            "team": key(team_id=team),
            "other-model": key(models=["demo"]),
            "expired": key(duration="1s"),
            "blocked": key(),
            "poor": key(max_budget=0.0),
            "slow": key(rpm_limit=0),
        }
        post("/key/block", key=keys["blocked"])
        return keys
