"""Fixtures: a sandbox for the launcher, real databases, and the parts of the real gateway's environment."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from slipway.database import server as postgres
from slipway.launchers.local_secrets import generated_secret
from slipway.process import SystemRunner
from slipway.secrets import Secret

from .sandbox import CHECKOUT, ENVIRONMENTS, Sandbox, copy_checkout, make_environments, wait_until


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder whose path is short, as those of unix sockets must be, and that any user may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def programs() -> Path:
    """Where initdb and postgres are, as the launcher's own interpreter finds them."""
    find = "from slipway.database.server import find_programs; print(find_programs())"
    argv = [str(ENVIRONMENTS / "launcher/bin/python"), "-c", find]
    return Path(subprocess.run(argv, env={"PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, check=True).stdout.strip())


@pytest.fixture(scope="session")
def prototype(scratch: Path, programs: Path) -> Path:
    """The checkout as it is now, fake environments and an empty database: what each sandbox is a copy of."""
    folder = scratch / "prototype"
    folder.mkdir()
    copy_checkout(folder)
    make_environments(folder, folder / ".slipway/envs")
    data = folder / ".slipway/prepared"
    server = postgres.Server(programs, data / "postgres", data / "db")
    postgres.create_data(server, generated_secret(data, "DATABASE_PASSWORD"), SystemRunner())
    return folder


@pytest.fixture
def new_sandbox(prototype: Path, scratch: Path) -> Iterator[Callable[..., Sandbox]]:
    """Each call gives another sandbox, whose folder has `prefix` in its name; at the end each must come down without a trace."""
    made: list[Sandbox] = []

    def make(prefix: str = "", kind: type[Sandbox] = Sandbox) -> Sandbox:
        root = scratch / f"{prefix}{secrets.token_hex(4)}"
        # unlike shutil.copytree, cp keeps the database's owner
        subprocess.run(["cp", "-a", prototype, root], check=True)
        sandbox = kind(root, root / ".slipway", f"t{secrets.token_hex(3)}")
        (root / ".slipway/data").mkdir()
        (root / ".slipway/prepared").rename(sandbox.paths.data)
        sandbox.write_settings()
        sandbox.write_model("tiny")
        sandbox.write_model("other", "vllm serve other/model")
        made.append(sandbox)
        return sandbox

    yield make
    problems = []
    for sandbox in made:
        try:
            sandbox.close()
        except AssertionError as error:
            problems.append(f"{sandbox.stack}: {error}")
        shutil.rmtree(sandbox.root, ignore_errors=True)
    assert not problems, problems


@pytest.fixture
def sandbox(new_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return new_sandbox()


@pytest.fixture(scope="session")
def postgres_server(scratch: Path, programs: Path) -> Iterator[Secret]:
    """The URL of a PostgreSQL of the tests' own, with Slipway's user as its superuser."""
    server = postgres.Server(programs, scratch / "postgres", scratch / "db")
    password = Secret(secrets.token_hex(8))
    postgres.create_data(server, password, SystemRunner())
    postgres.prepare_sockets(server)
    url = server.url(password)
    process = subprocess.Popen(server.argv(), cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: postgres.accepts(url), "PostgreSQL takes connections")
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # SIGTERM would have it wait for its clients
        process.wait(timeout=30)


@pytest.fixture
def new_database(postgres_server: Secret) -> Iterator[Callable[[], str]]:
    """A function that gives the URL of a new, empty database each time."""
    names: list[str] = []

    def url_of(name: str) -> str:
        return re.sub(r"/litellm\?", f"/{name}?", postgres_server.reveal())

    def make() -> str:
        names.append(f"t_{uuid.uuid4().hex}")
        with psycopg.connect(url_of("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {names[-1]}")
        return url_of(names[-1])

    yield make
    with psycopg.connect(url_of("postgres"), autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture(scope="session")
def gateway_folder() -> Path:
    """The real gateway's environment, as the last launch has built it."""
    built = sorted(ENVIRONMENTS.glob("gateway-*/.ready"), key=lambda path: path.stat().st_mtime)
    assert built, "the gateway's environment is missing: MODEL=demo ./runMe.sh builds it"
    return built[-1].parent


@pytest.fixture(scope="session")
def gateway_python(gateway_folder: Path) -> Path:
    return gateway_folder / "bin/python"


@pytest.fixture(scope="session")
def in_gateway(gateway_python: Path) -> Callable[..., Any]:
    """Runs a module of this folder, with its arguments, with the gateway's Python; gives the JSON that it prints."""

    def run(module: str, *words: str, timeout: float = 120) -> Any:
        argv = [str(gateway_python), "-m", f"tests.integration.{module}", *words]
        said = subprocess.run(argv, cwd=CHECKOUT, check=True, capture_output=True, text=True, timeout=timeout)
        return json.loads(said.stdout)

    return run


@pytest.fixture(scope="session")
def prisma_dir(gateway_folder: Path) -> Path:
    return gateway_folder / "prisma"
