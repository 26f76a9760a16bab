"""The shipped docker-compose.yml with real vLLM, LiteLLM and PostgreSQL: answers, switches, deaths, and what stays after."""

from __future__ import annotations

import json
import os
import signal
import threading

from tests.integration.docker_sandbox import DockerSandbox, docker
from tests.integration.sandbox import wait_until

RECOVERY = 180.0  # seconds; the engine alone takes 40 on two idle cores


def rows(stack: DockerSandbox) -> set[str]:
    """The ids of all answered requests that the database knows."""
    query = 'SELECT request_id FROM "LiteLLM_SpendLogs"'
    printed = docker("exec", f"{stack.stack}-litellm_db-1", "psql", "-XAtq", "-U", "slipway", "-d", "litellm", "-c", query, check=False)
    return set(printed.split())


def test_the_demo_answers_and_only_the_gateway_is_published(real: DockerSandbox) -> None:
    answer = real.chat("Hello!")
    assert (answer.status, answer.json()["choices"][0]["message"]["content"]) == (200, "Hello! How can I help you?")
    assert real.states() == {"database": "ready", "engine": "ready", "gateway": "ready"}
    published = {part: real.inspect(part)["HostConfig"]["PortBindings"] or {} for part in real.pids()}
    assert published == {
        "database": {},
        "engine": {},
        "gateway": {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(real.gateway_port)}]},
    }


def test_the_engine_is_the_first_process_and_no_secret_is_in_a_containers_settings(real: DockerSandbox) -> None:
    name = f"{real.stack}-vllm-node-1"
    assert docker("exec", name, "cat", "/proc/1/cmdline").split("\0")[1].endswith("/bin/vllm")
    password = docker("exec", f"{real.stack}-litellm_db-1", "cat", "/database_key/password")
    key = docker("exec", name, "cat", "/generated/secrets/VLLM_API_KEY")
    assert (len(password), len(key)) == (48, 43)
    shown = json.dumps([real.inspect(part) for part in real.pids()])
    assert [secret for secret in (password, key) if secret in shown] == []
    assert docker("exec", name, "stat", "--format", "%a %U", "/generated/secrets/VLLM_API_KEY") == "600 root"


def test_mounts_of_the_checkout_are_read_only(real: DockerSandbox) -> None:
    mounts = [mount for part in real.pids() for mount in real.inspect(part)["Mounts"] if mount["Destination"].startswith("/slipway")]
    assert len(mounts) >= 10
    assert [mount["Destination"] for mount in mounts if mount["RW"]] == []


def test_usage_is_read_without_a_port_of_the_database(real: DockerSandbox) -> None:
    wait_until(lambda: '"vllm_agent"' in real.call("usage", "--json").stdout, "the first chat is in the report")
    (row,) = json.loads(real.call("usage", "--json").stdout)
    assert (row["name"], row["requests"], row["errors"]) == ("vllm_agent", 1, 0)


def test_every_answered_request_is_in_the_database_though_it_was_killed_under_load(real: DockerSandbox) -> None:
    answered: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answer = real.chat("Hello!")
            if answer.ok:
                answered.append(answer.json()["id"])

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: len(answered) >= 20, "20 answers before the kill")
        docker("kill", f"{real.stack}-litellm_db-1")
        away = len(answered)
        wait_until(lambda: len(answered) >= away + 10, "10 answers without a database")
        docker("start", f"{real.stack}-litellm_db-1")
        back = len(answered)
        wait_until(lambda: len(answered) >= back + 10, "10 answers with it again")
    finally:
        done.set()
        for client in clients:
            client.join()
    wait_until(lambda: not set(answered) - rows(real), "every answered request is in the database")


def test_parts_that_die_come_back_by_themselves(real: DockerSandbox) -> None:
    before = real.pids()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(pid not in (0, before[part]) for part, pid in real.pids().items()), "every container runs again")
    wait_until(lambda: real.status()["state"] == "ready", "the stack is ready again", RECOVERY)
    assert real.chat("Hello!").status == 200


def test_another_model_is_served_after_a_switch_and_the_database_stays_as_it_is(real: DockerSandbox) -> None:
    demo = real.root / "models/demo.yml"
    (real.root / "models/second.yml").write_text(demo.read_text())
    before = real.pids()
    real.up("second")
    after = real.pids()
    assert [part for part in before if before[part] != after[part]] == ["engine", "gateway"]
    assert [real.chat("Hello!", model=name).status for name in ("vllm_agent", "second", "demo")] == [200, 200, 404]


def test_after_down_only_volumes_are_left(real: DockerSandbox) -> None:
    known = rows(real)
    assert known
    for part in ("engine", "gateway", "database"):
        # 137 would mean that it had to be killed
        name = f"{real.stack}-{real.SERVICES[part]}-1"
        docker("stop", "--time", "10", name)
        assert (part, real.inspect(part)["State"]["ExitCode"]) == (part, 0)
    assert real.call("down").stdout == "stopped; its data is kept\n"
    real.check_nothing_left()
    assert real.volumes() == ["database_key", "postgres_data", "vllm_cache"]
