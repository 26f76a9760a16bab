"""The launched gateway and a second one beside it, on the same engine and database, with LANE=off; and keys for both."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from slipway.paths import build_paths
from tests.e2e.conftest import MASTER_KEY, ROOT, Stack, free_port, until


@dataclass(frozen=True)
class Pair:
    """Addresses of the gateway with the lane and of the one without, and the keys that cases name."""

    lane: str
    litellm: str
    keys: dict[str, str]


@contextmanager
def second_gateway(stack: Stack, folder: Path) -> Iterator[str]:
    """LiteLLM with the stack's own start script and configuration, except for its port and LANE; gives its address."""
    run = build_paths(ROOT, stack.environ, stack.environ["STACK_NAME"]).run
    port = free_port()
    config = folder / "config.yaml"
    config.write_text((run / "generated/config.yaml").read_text().replace("LANE: 'on'", "LANE: 'off'"))
    assert "LANE: 'off'" in config.read_text()
    text = (run / "gateway.sh").read_text()
    start = text[text.index("export PATH=") :].replace(f"{run}/generated/config.yaml", str(config))
    script = folder / "gateway.sh"
    script.write_text(re.sub(r"--port \d+", f"--port {port}", start))
    log = (folder / "gateway.log").open("wb")
    process = subprocess.Popen(["sh", str(script)], env=os.environ | stack.environ, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or _ready(url), 180, "the second gateway is ready")
        assert process.poll() is None, (folder / "gateway.log").read_text()
        yield url
    finally:
        process.terminate()
        process.wait(60)
        log.close()


def _ready(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/health/readiness", timeout=5).json().get("db") == "connected")
    except (httpx.TransportError, ValueError):
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
