"""A checkout of its own with prepared fake environments, in which a test runs the real ./runMe.sh."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from slipway.observe.health import Answer, get
from slipway.paths import build_paths
from slipway.secrets import Secret

CHECKOUT = Path(__file__).resolve().parents[2]
# the environments that ./runMe.sh has built
ENVIRONMENTS = Path(os.environ.get("SLIPWAY_HOME") or CHECKOUT / ".slipway").absolute() / "envs"
SHARED_MEMORY = Path("/dev/shm")
SECONDS = 60.0  # deadline of everything that is waited for; many times what it takes on an idle machine

# What the digests of the launcher's environments are made from is known to its own interpreter only.
_DIGESTS = """
from pathlib import Path
from slipway.launchers.local_environments import engine_blueprint, gateway_blueprint
root = Path.cwd()
print(engine_blueprint(root, "cpu").digest(), gateway_blueprint(root).digest())
"""

_MIGRATIONS = {
    "1_keys": "CREATE TABLE keys (token text);",
    "2_index": "CREATE INDEX CONCURRENTLY IF NOT EXISTS keys_token ON keys (token);",
}

TINY = "vllm serve tiny/model --max-model-len 1024"


@dataclass(frozen=True)
class Result:
    """What a verb did."""

    status: int
    stdout: str
    stderr: str


def copy_checkout(target: Path) -> None:
    """What a launch needs of the checkout, with compiled modules, so that a copy starts as fast as the original."""
    ignored = shutil.ignore_patterns("*.pyc.*", "node_modules")
    for name in ("slipway", "templates", "requirements", "scripts", "compose"):
        shutil.copytree(CHECKOUT / name, target / name, ignore=ignored)
    (target / "models").mkdir()
    for path in (CHECKOUT / "models").glob("*.yml"):
        shutil.copy2(path, target / "models")
    (target / "models/demo").symlink_to(CHECKOUT / "models/demo")
    (target / "secrets").mkdir()
    for name in ("runMe.sh", "vars.env", "docker-compose.yml"):
        shutil.copy2(CHECKOUT / name, target / name)
    (target / ".env").symlink_to("vars.env")


def make_environments(checkout: Path, envs: Path) -> None:
    """Borrow the launcher's environment, and prepare an engine's and a gateway's whose programs are the fakes."""
    real = (ENVIRONMENTS / "launcher").resolve()
    python = real / "bin/python"
    _borrow(real, envs / real.name)
    (envs / "launcher").symlink_to(real.name)
    env = {"PYTHONPATH": str(checkout)}
    digests = subprocess.run([python, "-c", _DIGESTS], cwd=checkout, env=env, capture_output=True, text=True, check=True)
    engine, gateway = digests.stdout.split()
    _prepare(envs / f"engine-cpu-{engine}", "vllm", "fake_engine.py", python)
    _prepare(envs / f"gateway-{gateway}", "litellm", "fake_gateway.py", python)
    for name, sql in _MIGRATIONS.items():
        folder = envs / f"gateway-{gateway}/lib/python3.11/site-packages/litellm_proxy_extras/migrations/{name}"
        folder.mkdir(parents=True)
        (folder / "migration.sql").write_text(sql)


def _borrow(real: Path, folder: Path) -> None:
    """An environment of its own whose parts are links: whatever is done to it, as `venv --clear` does, the real one stays."""
    folder.mkdir(parents=True)
    for path in real.iterdir():
        (folder / path.name).symlink_to(path)


def _prepare(folder: Path, program: str, source: str, python: Path) -> None:
    (folder / "bin").mkdir(parents=True)
    script = folder / "bin" / program
    script.write_text(f"#!{python}\n" + Path(__file__).with_name(source).read_text().partition("\n")[2])
    script.chmod(0o755)
    (folder / ".ready").touch()


def free_port() -> int:
    """A port that nothing listens on, below the range from which the kernel takes ports for outgoing connections."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def wait_until(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Look again and again until `condition()` is true; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: did not happen within {seconds:g} s"
        time.sleep(0.02)


def _hear_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended, be it that nobody has asked for its exit status yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass
class Sandbox:
    """One stack in one copy of the checkout. `root` is the copy, `home` its .slipway."""

    root: Path
    home: Path
    stack: str
    gateway_port: int = field(default_factory=free_port)
    engine_port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    patience: float = SECONDS  # for one verb

    def __post_init__(self) -> None:
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "SLIPWAY_HOME": str(self.home),
            "PIP_NO_INDEX": "1",  # nothing is ever installed from here
            "STACK_NAME": self.stack,
            "RUNTIME": "local",
            "SLIPWAY_TEST_STACK": self.mark,
        }
        self.paths = build_paths(self.root, self.environ, self.stack)

    @property
    def mark(self) -> str:
        """What every process of this stack has in its environment."""
        return f"{self.root}:{self.stack}"

    @property
    def run_folder(self) -> Path:
        return self.paths.run

    def write_settings(self, **settings: object) -> None:
        """Write vars.local.env: the ports and the device, and under them the given settings."""
        lines = {"GATEWAY_PORT": self.gateway_port, "ENGINE_PORT": self.engine_port, "ENGINE_DEVICE": "cpu", **settings}
        (self.root / "vars.local.env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def write_model(self, name: str, command: str = TINY, more: str = "") -> Path:
        path = self.root / f"models/{name}.yml"
        path.write_text(f"command: |\n  {command}\n{more}")
        return path

    def write_secret(self, name: str, text: str, mode: int = 0o600) -> None:
        path = self.root / "secrets" / name
        path.write_text(text)
        path.chmod(mode)

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Run a verb as the leader of a process group of its own; `env` is added to the environment."""
        env = {**self.environ, **options.pop("env", {})}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(
            [self.root / "runMe.sh", *words], env=env, text=True, stdin=subprocess.DEVNULL, start_new_session=True,
            # a test run in the background ignores SIGINT, and so would its children
            preexec_fn=_hear_sigint, **pipes,  # noqa: PLW1509
        )  # fmt: skip
        self.processes.append(process)
        return process

    def finish(self, process: subprocess.Popen[str]) -> Result:
        stdout, stderr = process.communicate(timeout=self.patience)
        return Result(process.returncode, stdout, stderr)

    def call(self, *words: str, env: Mapping[str, str] | None = None) -> Result:
        """Run a verb to its end."""
        return self.finish(self.start(*words, env=env or {}))

    def up(self, model: str = "tiny", *words: str, env: Mapping[str, str] | None = None) -> Result:
        """Launch, which must work."""
        result = self.call("up", model, *words, env=env)
        assert result.status == 0, result.stderr
        return result

    def fail(self, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Run a verb that must not work; gives its status and its message, without the phases that come before it."""
        result = self.call(*words, env=env)
        assert result.status != 0, result.stdout
        assert "Traceback" not in result.stderr
        return result.status, result.stderr[result.stderr.find("error: ") :]

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.call("status", "--json").stdout)
        return status

    def states(self) -> dict[str, str]:
        return {part["part"]: part["state"] for part in self.status()["parts"]}

    def pid(self, part: str) -> int:
        """A part's process id, as its start script noted it; 0 while there is none."""
        try:
            return int((self.run_folder / f"{part}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def pids(self) -> dict[str, int]:
        return {part: self.pid(part) for part in ("database", "engine", "gateway")}

    def wait_ready(self) -> None:
        wait_until(lambda: self.status()["state"] == "ready", "the stack is ready")

    def wait_pid(self, part: str, other_than: int = 0) -> int:
        wait_until(lambda: self.pid(part) not in (0, other_than), f"a new {part} runs")
        return self.pid(part)

    def log(self, part: str) -> str:
        path = self.home / f"logs/{self.stack}/{part}.log"
        return path.read_text() if path.exists() else ""

    def chat(self, text: str = "hello", model: str = "vllm_agent", key: str = "sk-FAKE") -> Answer:
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        return get(f"http://127.0.0.1:{self.gateway_port}/v1/chat/completions", key=Secret(key), body=body, timeout=10)

    def database_url(self) -> str:
        return (self.run_folder / "secrets/DATABASE_URL").read_text()

    def running(self) -> list[psutil.Process]:
        """Every process of this stack, children that hide their environment (PostgreSQL's) included."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        data = str(self.paths.data)
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            if process.environ().get("SLIPWAY_TEST_STACK") == self.mark:
                return True
            return data in " ".join(process.cmdline()) or process.cwd().startswith(data)
        except psutil.Error:
            return False

    def shared_memory(self) -> list[str]:
        """What this stack has on the tmpfs."""
        return sorted(str(path) for path in SHARED_MEMORY.iterdir() if self.run_folder.name in path.name)

    def check_nothing_left(self) -> None:
        wait_until(lambda: not self.running(), f"nothing runs: {self.running()}", 10)
        assert self.shared_memory() == []

    def close(self) -> None:
        """Stop everything, by force in the end, and check that the force was not needed."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()
        try:
            self.write_settings()
            result = self.call("down", "--volumes")
            assert result.status == 0, result.stderr
            self.check_nothing_left()
            assert not self.paths.data.exists()
        finally:
            for left in self.running():
                left.kill()
            for path in self.shared_memory():
                shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()


def without_times(stderr: str) -> list[str]:
    """The lines of a launch's phases, with every time as N."""
    return [re.sub(r"\d+(\.\d+)? s\b", "N s", line) for line in stderr.splitlines()]
