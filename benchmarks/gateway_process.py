"""A launched stack, and further gateways on its database with another engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.timing import ROOT
from slipway.observe.health import gateway_ready
from slipway.paths import build_paths

_KEY = "sk-FAKE"


def gateway_python() -> str:
    """The interpreter of the newest gateway environment: it has uvloop."""
    return str(max((ROOT / ".slipway/envs").glob("gateway-*/bin/python"), key=lambda path: path.lstat().st_mtime))


def ask(url: str, body: Mapping[str, Any] | None) -> bytes:
    """The answer to POST `body`, or to GET where there is none, with the master key. Raises HTTPError."""
    head = {"Authorization": f"Bearer {_KEY}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, None if body is None else json.dumps(body).encode(), head)) as answer:
        found: bytes = answer.read()
    return found


@dataclass(frozen=True)
class LaunchedStack:
    environ: Mapping[str, str]
    url: str
    engine: str
    run: Path

    def make_key(self) -> str:
        """A virtual key, made through the stack's own gateway."""
        return str(json.loads(ask(f"{self.url}/key/generate", {}))["key"])


@contextmanager
def launched_stack(port: int) -> Iterator[LaunchedStack]:
    """`./runMe.sh up demo` under a name of its own, brought down at the end. Raises SystemExit with what it says where it fails."""
    name = f"benchmark-{port}"
    environ = os.environ | {"STACK_NAME": name, "GATEWAY_PORT": str(port), "ENGINE_PORT": str(port + 1), "RUNTIME": "local"}
    environ |= {"MAX_PARALLEL_REQUESTS": "100000", "GATEWAY_WORKERS": "1"}
    launch = subprocess.run([str(ROOT / "runMe.sh"), "up", "demo"], env=environ, capture_output=True, text=True, check=False)
    if launch.returncode:
        raise SystemExit(launch.stderr)
    try:
        yield LaunchedStack(environ, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", build_paths(ROOT, environ, name).run)
    finally:
        subprocess.run([str(ROOT / "runMe.sh"), "down", "--volumes"], env=environ, check=True, stdout=subprocess.DEVNULL)


@dataclass(frozen=True)
class Gateway:
    """One more gateway of a stack: its start script and configuration, with another engine and port; `stock`: without any of Slipway's
    code in LiteLLM's process."""

    stack: LaunchedStack
    folder: Path
    port: int
    engine: str
    stock: bool = False
    hooks: str = ""  # further start-up hooks of LiteLLM
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[psutil.Process]:
        """Start it, wait until it is ready, end it."""
        script = self._write()
        with (self.folder / "gateway.log").open("wb") as log:
            started = subprocess.Popen(["sh", str(script)], env={**self.stack.environ, **self.environ}, stdout=log, stderr=log)
            try:
                self._wait(started)
                yield psutil.Process(started.pid)
            finally:
                started.terminate()
                started.wait()

    def _write(self) -> Path:
        text = (self.stack.run / "generated/config.yaml").read_text()
        text = re.sub(r"api_base: .*", f"api_base: {self.engine}/v1", text)
        config = self.folder / "config.yaml"
        config.write_text(text)
        start = (self.stack.run / "gateway.sh").read_text()
        start = start[start.index("export PATH=") :].replace(f"{self.stack.run}/generated/config.yaml", str(config))
        if self.stock:
            start = re.sub(r"export (LITELLM_WORKER_STARTUP_HOOKS|PYTHONPATH)=.*\n", "", start)
        if self.hooks:
            start = re.sub(r"(LITELLM_WORKER_STARTUP_HOOKS=\S+)", rf"\1,{self.hooks}", start)
        script = self.folder / "gateway.sh"
        script.write_text(re.sub(r"--port \d+", f"--port {self.port}", start))
        return script

    def _wait(self, started: subprocess.Popen[bytes]) -> None:
        while not gateway_ready(self.url):
            if started.poll() is not None:
                raise SystemExit((self.folder / "gateway.log").read_text()[-3000:])
            time.sleep(0.1)
