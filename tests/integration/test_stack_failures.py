"""Launches that fail: what is said, how fast, and that nothing stays."""

from __future__ import annotations

import time

import pytest

from .sandbox import Sandbox


def failed_engine(sandbox: Sandbox, *options: str) -> str:
    """Launch with engine variables; gives the message of the failure, with its log's path as LOG."""
    words = [word for option in options for word in ("-o", option)]
    status, message = sandbox.fail("up", "tiny", *words)
    assert status == 1
    sandbox.check_nothing_left()
    assert sandbox.status()["state"] == "stopped"
    return message.replace(str(sandbox.paths.logs), "LOG")


CAUSES = {
    "OSError: [Errno 98] Address already in use": "its port is taken: end the other process, or choose another port in vars.env",
    "huggingface_hub.errors.GatedRepoError: 401 Client Error.": (
        "the model is gated: accept its licence on huggingface.co and put a token into secrets/HF_TOKEN"
    ),
    "torch.OutOfMemoryError: CUDA out of memory.": (
        "not enough memory: lower --max-model-len or GPU_MEMORY_UTILIZATION, or choose a smaller model"
    ),
    "vllm: error: unrecognized arguments: --nope": (
        "vLLM does not know a flag or its value: correct `command:` in the model file"
    ),
    "ModuleNotFoundError: No module named 'torch'": (
        "the wrong interpreter or a broken environment: delete the folder .slipway/envs and launch again"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "cause"), CAUSES.items(), ids=["port", "gated", "memory", "flag", "interpreter"])
def test_an_engine_that_dies_at_once_is_explained_and_nothing_stays(sandbox: Sandbox, text: str, cause: str) -> None:
    message = failed_engine(sandbox, f"env.FAKE_ENGINE_CRASH=INFO before\\n{text}")
    lines = message.splitlines()
    assert lines[0].startswith("error: the engine died (")
    assert lines[0].endswith("; the last lines of LOG/engine.log:")
    assert lines[-2:] == [f"  | {text}", f"hint: likely cause: {cause}"]


def test_a_dead_engine_ends_the_launch_at_once(sandbox: Sandbox) -> None:
    started = time.monotonic()
    failed_engine(sandbox, "env.FAKE_ENGINE_CRASH=no idea")
    assert time.monotonic() - started < 20


def test_an_unknown_cause_points_to_the_whole_log(sandbox: Sandbox) -> None:
    message = failed_engine(sandbox, "env.FAKE_ENGINE_CRASH=no idea")
    assert message.splitlines()[-2:] == ["  | no idea", "hint: the whole log: ./runMe.sh logs engine"]
    assert "no idea" in sandbox.call("logs", "engine").stdout


def test_an_engine_that_dies_while_loading_is_told_with_its_phase(sandbox: Sandbox) -> None:
    text = "torch.OutOfMemoryError: CUDA out of memory."
    message = failed_engine(sandbox, "env.FAKE_ENGINE_LOAD_SECONDS=1", f"env.FAKE_ENGINE_CRASH_LOADING={text}")
    assert message.startswith("error: the engine died while loading weights (")
    assert message.splitlines()[-2:] == [f"  | {text}", f"hint: likely cause: {CAUSES[text]}"]


def test_workers_of_an_engine_that_dies_while_loading_are_ended_too(sandbox: Sandbox) -> None:
    failed_engine(sandbox, "env.FAKE_ENGINE_WORKER=1", "env.FAKE_ENGINE_LOAD_SECONDS=1", "env.FAKE_ENGINE_CRASH_LOADING=gone")


def test_a_gateway_that_dies_at_its_start_ends_the_launch(sandbox: Sandbox) -> None:
    status, message = sandbox.fail("up", "tiny", env={"FAKE_GATEWAY_CRASH": "ImportError: no litellm"})
    assert status == 1
    lines = message.splitlines()
    assert lines[0].startswith("error: the gateway died (")
    assert lines[-2:] == [
        "  | ImportError: no litellm",
        "hint: likely cause: the wrong interpreter or a broken environment: delete the folder .slipway/envs and launch again",
    ]
    sandbox.check_nothing_left()


def test_an_engine_without_progress_is_given_up(sandbox: Sandbox) -> None:
    message = failed_engine(sandbox, "env.FAKE_ENGINE_HANG=1", "START_STALL_TIMEOUT=2")
    lines = message.splitlines()
    assert lines[0] == "error: the engine has shown no progress for 2 s; the last lines of LOG/engine.log:"
    assert lines[-1] == "hint: START_STALL_TIMEOUT sets this limit"


def test_a_slow_engine_that_goes_on_logging_is_waited_for(sandbox: Sandbox) -> None:
    started = time.monotonic()
    sandbox.up("tiny", "-o", "env.FAKE_ENGINE_LOAD_SECONDS=5", "-o", "START_STALL_TIMEOUT=2")
    assert time.monotonic() - started > 5
    assert sandbox.chat().ok


def test_an_unknown_model_is_refused_with_the_nearest_names(sandbox: Sandbox) -> None:
    status, message = sandbox.fail("up", "glm47-flsh")
    lines = message.splitlines()
    assert (status, lines[0]) == (2, "error: there is no model 'glm47-flsh': models/glm47-flsh.yml does not exist")
    assert lines[1].startswith("hint: nearest: glm47-flash, ")
    assert not sandbox.run_folder.exists()


def test_a_bad_model_file_leaves_the_running_stack_alone(sandbox: Sandbox) -> None:
    sandbox.up("tiny")
    before = sandbox.pids()
    sandbox.write_model("other", "vllm serve other/model", "litellm:\n  temperature: hot\n")
    assert sandbox.fail("up", "other") == (2, "error: models/other.yml:4: litellm.temperature must be a number, not 'hot'\n")
    sandbox.write_settings(LITELLM_TOP_P=7)
    assert sandbox.fail("up", "tiny") == (2, "error: vars.local.env:4: LITELLM_TOP_P must be between 0.001 and 1, not 7\n")
    sandbox.write_settings()
    assert sandbox.pids() == before
    assert sandbox.status()["state"] == "ready"
    assert sandbox.chat(model="tiny").ok


def test_a_failed_switch_leaves_no_half_started_stack(sandbox: Sandbox) -> None:
    sandbox.up("tiny")
    status, _ = sandbox.fail("up", "other", "-o", "env.FAKE_ENGINE_CRASH=no")
    assert status == 1
    sandbox.check_nothing_left()
    sandbox.up("tiny")
