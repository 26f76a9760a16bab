"""One real stack for the whole run, launched the way a person would."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MASTER_KEY = "sk-FAKE"


def shared_memory() -> frozenset[str]:
    """What lies on the tmpfs and is nobody's: no process maps it, and it is no folder of a stack that runs now."""
    # by inode: glibc maps a semaphore under a name that is gone by the time it has its own
    mapped = {line.split()[4] for maps in Path("/proc").glob("[0-9]*/maps") for line in _read(maps).splitlines() if " /dev/shm/" in line}
    running = {name for words in Path("/proc").glob("[0-9]*/cmdline") for name in re.findall(r"/dev/shm/(slipway-\w+)", _read(words))}
    found = {path.name: str(path.stat().st_ino) for path in Path("/dev/shm").iterdir()}
    return frozenset(name for name, inode in found.items() if inode not in mapped and name not in running)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # the process has ended
        return ""


@dataclass
class Stack:
    """A launched stack and the means to talk to it."""

    environ: dict[str, str]
    port: int
    welcome: str = ""
    phases: str = ""
    overrides: tuple[str, ...] = field(default=())
    shared_memory_before: frozenset[str] = field(default_factory=shared_memory)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *words: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """./runMe.sh WORDS, with this stack's name and ports."""
        return subprocess.run(
            [str(ROOT / "runMe.sh"), *words], env=self.environ, cwd="/", text=True, capture_output=True, timeout=timeout, check=False
        )

    def up(self, model: str = "demo") -> subprocess.CompletedProcess[str]:
        return self.run("up", model, *[word for pair in self.overrides for word in ("-o", pair)])

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return status

    def part(self, name: str) -> dict[str, Any]:
        return next(part for part in self.status()["parts"] if part["part"] == name)

    def client(self, key: str = MASTER_KEY) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=120)

    def chat(self, text: str, key: str = MASTER_KEY, **more: Any) -> httpx.Response:
        body = {"model": "vllm_agent", "messages": [{"role": "user", "content": text}], **more}
        with self.client(key) as client:
            return client.post("/v1/chat/completions", json=body)

    def log(self, part: str) -> str:
        return (ROOT / f".slipway/logs/{self.environ['STACK_NAME']}/{part}.log").read_text(errors="replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `condition`, looked at ten times a second; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    pytest.fail(f"not within {seconds:g} s: {what}")


def last_sampling(stack: Stack, marker: str) -> str:
    """The sampling parameters that the engine logged for its newest request after `marker`."""
    found = until(lambda: re.findall(r"SamplingParams\([^\n]*", stack.log("engine")[len(marker) :]), 10, "the engine's log of the request")
    return str(found[-1])


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    environ = {name: value for name, value in os.environ.items() if not re.match(r"LITELLM_|VLLM_|HF_|DATABASE_URL|MODEL$", name)}
    port = free_port()
    environ |= {"STACK_NAME": f"e2e-{os.getpid()}", "GATEWAY_PORT": str(port), "ENGINE_PORT": str(free_port()), "RUNTIME": "local"}
    stack = Stack(environ, port, overrides=("--enable-log-requests=", "MAX_PARALLEL_REQUESTS=4"))
    try:
        launch = stack.up()
        assert launch.returncode == 0, launch.stderr
        stack.welcome, stack.phases = launch.stdout, launch.stderr
        yield stack
    finally:
        stack.run("down", "--volumes")


@pytest.fixture
def virtual_key(stack: Stack) -> Iterator[str]:
    with stack.client() as client:
        key = client.post("/key/generate", json={}).raise_for_status().json()["key"]
        yield key
        client.post("/key/delete", json={"keys": [key]})


AskEngine = Callable[[Any], Any]


@pytest.fixture(scope="session")
def ask_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskEngine]:
    """Asks vLLM's own argument parser, in one process of the engine's Python for the whole run; no stack is needed."""
    folder = tmp_path_factory.mktemp("rendered")
    subprocess.run([ROOT / "runMe.sh", "render", "demo", "--to", folder], check=True, capture_output=True, timeout=120)
    vllm = Path(yaml.safe_load((folder / "models.yml").read_text())["engines"][0]["command"][0])
    argv = [vllm.with_name("python"), ROOT / "tests/e2e/ask_engine.py", ROOT]
    said = folder / "stderr"
    with (
        said.open("w") as errors,
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True) as engine,
    ):
        assert engine.stdin and engine.stdout
        questions, answers = engine.stdin, engine.stdout

        def ask(question: Any) -> Any:
            questions.write(json.dumps(question) + "\n")
            questions.flush()
            answer = answers.readline()
            assert answer, said.read_text()
            return json.loads(answer)

        try:
            yield ask
        finally:
            questions.close()
            engine.wait(30)
