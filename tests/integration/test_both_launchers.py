"""What a user sees of the two launchers is the same: one set of tests, run with processes and run with containers.

The containers' turn comes with scripts/with_docker.sh, which says by SLIPWAY_TEST_IMAGE that there is an engine.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable

import pytest

from .docker_sandbox import DockerSandbox
from .sandbox import Sandbox, wait_until

RUNTIMES = ["docker" if "SLIPWAY_TEST_IMAGE" in os.environ else "local"]
PARTS = ["database", "engine", "gateway"]


@pytest.fixture(params=RUNTIMES)
def stack(request: pytest.FixtureRequest, new_sandbox: Callable[..., Sandbox]) -> Sandbox:
    if request.param == "local":
        return new_sandbox()
    made = new_sandbox(kind=DockerSandbox)
    assert isinstance(made, DockerSandbox)
    made.prepare()
    return made


def test_a_stack_launches_shows_itself_switches_and_goes(stack: Sandbox) -> None:
    runtime = stack.environ["RUNTIME"]
    stack.up()
    status = json.loads(stack.call("status", "--json").stdout)
    assert (status["state"], status["model"], status["runtime"]) == ("ready", "tiny", runtime)
    assert [(part["part"], part["state"], part["pid"], part["detail"]) for part in status["parts"]] == [
        (part, "ready", stack.pid(part), "") for part in PARTS
    ]
    assert all(0 < part["uptime"] < 120 and 2**20 < part["memory"] < 2**30 for part in status["parts"])
    assert {part["part"]: part["address"] for part in status["parts"]}["gateway"] == f"http://127.0.0.1:{stack.gateway_port}"
    lines = stack.call("status").stdout.splitlines()
    assert lines[0] == f"tiny: ready ({runtime})"
    assert lines[1].split() == ["part", "state", "address", "pid", "uptime", "memory"]
    assert stack.chat("hello").json()["choices"] == [{"message": {"content": "You said: hello"}}]

    assert "Starting vLLM server on" in stack.call("logs", "engine").stdout
    assert set(PARTS) <= {line.split()[0] for line in stack.call("logs").stdout.splitlines()}
    assert stack.call("logs", "gateway", "-n", "1").stdout == "LiteLLM: ready\n"
    status_of_none, message = stack.fail("logs", "nope")
    assert (status_of_none, message.splitlines()[0]) == (2, "error: there is no log of 'nope'")
    assert stack.fail("usage") == (1, "error: the database has no usage yet\nhint: launch a model first: ./runMe.sh\n")

    before = stack.pids()
    again = stack.up()
    assert again.stdout.startswith("\ntiny was running already; nothing changed.\n")
    assert (" ..." in again.stderr, stack.pids()) == (False, before)
    stack.up("other")
    after = stack.pids()
    assert [part for part in PARTS if before[part] != after[part]] == ["engine", "gateway"]
    assert stack.status()["model"] == "other"
    assert [stack.chat(model=name).status for name in ("vllm_agent", "other", "tiny")] == [200, 200, 404]

    assert stack.call("down").stdout == "stopped; its data is kept\n"
    stack.check_nothing_left()
    assert stack.call("down").stdout == "nothing was running\n"
    assert "Starting vLLM server on" in stack.call("logs", "engine").stdout
    assert stack.call("down", "--volumes").stdout == "stopped; its data is deleted\n"
    assert stack.fail("logs", "engine")[0] == 2


def test_only_what_changed_is_started_again_and_a_dead_engine_is(stack: Sandbox) -> None:
    stack.up("tiny", "-o", "temperature=0.5")
    before = stack.pids()
    assert stack.chat().json()["fake"]["temperature"] == 0.5
    stack.up("tiny", "-o", "temperature=0.25")
    then = stack.pids()
    assert [part for part in PARTS if before[part] != then[part]] == ["gateway"]
    assert stack.chat().json()["fake"]["temperature"] == 0.25
    stack.up("tiny", "-o", "temperature=0.25", "-o", "--max-num-seqs=3")
    after = stack.pids()
    assert [part for part in PARTS if then[part] != after[part]] == ["engine"]

    os.kill(after["engine"], signal.SIGKILL)
    stack.wait_pid("engine", other_than=after["engine"])
    stack.wait_ready()
    assert stack.chat().json()["fake"]["temperature"] == 0.25


def test_secrets_reach_the_parts_and_a_changed_one_starts_its_part_again(stack: Sandbox) -> None:
    stack.write_secret("LITELLM_MASTER_KEY", "sk-one")
    stack.up()
    before = stack.pids()
    assert [stack.chat(key=key).status for key in ("sk-one", "sk-FAKE")] == [200, 401]
    stack.write_secret("LITELLM_MASTER_KEY", "sk-two")
    stack.up()
    after = stack.pids()
    assert [part for part in PARTS if before[part] != after[part]] == ["gateway"]
    assert [stack.chat(key=key).status for key in ("sk-two", "sk-one")] == [200, 401]


def test_an_engine_that_dies_at_once_is_explained_and_nothing_stays(stack: Sandbox) -> None:
    text = "torch.OutOfMemoryError: CUDA out of memory."
    status, message = stack.fail("up", "tiny", "-o", f"env.FAKE_ENGINE_CRASH=INFO before\\n{text}")
    lines = message.splitlines()
    assert (status, lines[0].startswith("error: the engine died (")) == (1, True)
    assert lines[-2:] == [
        f"  | {text}",
        "hint: likely cause: not enough memory: lower --max-model-len or GPU_MEMORY_UTILIZATION, or choose a smaller model",
    ]
    stack.check_nothing_left()
    assert stack.status()["state"] == "stopped"
    assert text in stack.call("logs", "engine").stdout


def test_an_engine_without_any_sign_of_progress_is_given_up(stack: Sandbox) -> None:
    stack.write_settings(START_STALL_TIMEOUT=3)
    status, message = stack.fail("up", "tiny", "-o", "env.FAKE_ENGINE_HANG=1")
    assert (status, "the engine has shown no progress for 3 s" in message) == (1, True)
    assert message.splitlines()[-1] == "hint: START_STALL_TIMEOUT sets this limit"
    stack.check_nothing_left()


def test_a_taken_port_is_named_with_its_owner_before_anything_starts(stack: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", stack.gateway_port)):
        status, message = stack.fail("up", "tiny")
    assert status == 2
    assert message.startswith(f"error: vars.local.env:1: GATEWAY_PORT: port {stack.gateway_port} is in use by ")
    stack.check_nothing_left()


def test_an_open_gateway_with_the_known_key_is_refused(stack: Sandbox) -> None:
    status, message = stack.fail("up", "tiny", "-o", "GATEWAY_HOST=0.0.0.0")
    assert (status, "opens the gateway to others, and its key is sk-FAKE" in message) == (2, True)
    stack.check_nothing_left()


def test_an_interrupted_launch_leaves_nothing(stack: Sandbox) -> None:
    launch = stack.start("up", "tiny", "-o", "env.FAKE_ENGINE_LOAD_SECONDS=600")
    wait_until(lambda: stack.pid("engine"), "the engine has started")
    launch.send_signal(signal.SIGINT)
    result = stack.finish(launch)
    assert (result.status, result.stderr.splitlines()[-1]) == (130, "error: interrupted")
    stack.check_nothing_left()


def test_render_prints_files_images_and_commands_and_starts_nothing(stack: Sandbox) -> None:
    result = stack.call("render", "tiny")
    assert result.status == 0
    files = [line.split()[2].rpartition("/")[2] for line in result.stdout.splitlines() if line.startswith("# ---- /")]
    assert {"models.yml", "config.yaml", "engine.sh", "gateway.sh"} <= set(files)
    assert "# ---- images, of RUNTIME=docker" in result.stdout
    stack.check_nothing_left()
