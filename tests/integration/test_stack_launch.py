"""Launching, launching again, switching, stopping."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import psycopg
import pytest

from .sandbox import Sandbox, free_port


def test_a_stack_launches_answers_stops_and_keeps_its_data_until_told(sandbox: Sandbox) -> None:
    shutil.rmtree(sandbox.paths.data)  # so that this launch makes its database itself
    sandbox.up()
    assert sandbox.states() == {"database": "ready", "engine": "ready", "gateway": "ready"}
    assert sandbox.chat("hello").json()["choices"] == [{"message": {"content": "You said: hello"}}]
    with psycopg.connect(sandbox.database_url()) as connection:
        connection.execute("INSERT INTO keys VALUES ('kept')")

    assert sandbox.call("down").stdout == "stopped; its data is kept\n"
    sandbox.check_nothing_left()
    assert sandbox.paths.data.exists()
    assert sandbox.call("down").stdout == "nothing was running\n"

    sandbox.up()
    with psycopg.connect(sandbox.database_url()) as connection:
        assert connection.execute("SELECT token FROM keys").fetchall() == [("kept",)]
    assert sandbox.call("down", "--volumes").stdout == "stopped; its data is deleted\n"
    sandbox.check_nothing_left()
    assert not sandbox.paths.data.exists()


def test_launching_the_same_model_again_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.up()
    before = sandbox.pids()
    again = sandbox.up()
    assert again.stdout.startswith("\ntiny was running already; nothing changed.\n")
    assert again.stderr == ""
    assert sandbox.pids() == before


def test_a_failed_self_test_is_said_and_the_stack_stays_up(sandbox: Sandbox) -> None:
    # the fake engine never calls a tool
    launch = sandbox.call("up", "tiny", "-o", "--tool-call-parser=hermes")
    assert launch.status == 4
    assert "FAIL  tool call              does not work: there is no tool call in the answer" in launch.stdout
    assert launch.stderr.splitlines()[-1].startswith("the stack stays up")
    assert sandbox.status()["state"] == "ready"

    again = sandbox.call("up", "tiny", "-o", "--tool-call-parser=qwen3_coder", "--no-self-test")
    assert again.status == 0
    assert "Self-test" not in again.stdout


def test_another_model_replaces_engine_and_gateway_and_leaves_the_database_alone(sandbox: Sandbox) -> None:
    sandbox.up("tiny")
    before = sandbox.pids()
    sandbox.up("other")
    after = sandbox.pids()
    assert [part for part in before if before[part] != after[part]] == ["engine", "gateway"]
    assert sandbox.status()["model"] == "other"
    assert [sandbox.chat(model=name).status for name in ("vllm_agent", "other", "tiny")] == [200, 200, 404]


@pytest.mark.parametrize(
    ("changes", "restarted"),
    [
        (["-o", "temperature=0.25"], ["gateway"]),
        (["-o", "--max-num-seqs=3"], ["engine"]),
        (["-o", "VLLM_LOGGING_LEVEL=DEBUG"], ["engine"]),
        (["-o", "START_STALL_TIMEOUT=800"], []),
    ],
    ids=lambda value: value[-1] if value and value[0] == "-o" else "",
)
def test_a_changed_setting_restarts_what_it_concerns(sandbox: Sandbox, changes: list[str], restarted: list[str]) -> None:
    sandbox.up()
    before = sandbox.pids()
    sandbox.up("tiny", *changes)
    after = sandbox.pids()
    assert [part for part in before if before[part] != after[part]] == restarted
    assert sandbox.status()["state"] == "ready"


def test_sampling_defaults_reach_the_engine_and_a_clients_own_values_win(sandbox: Sandbox) -> None:
    sandbox.write_model("tiny", more="litellm:\n  temperature: 0.3\n  max_tokens: 1K\n")
    sandbox.up("tiny", "-o", "top_k=7")
    asked = sandbox.chat().json()["fake"]
    assert {key: asked[key] for key in ("temperature", "max_tokens", "top_k", "top_p")} == {
        "temperature": 0.3, "max_tokens": 1024, "top_k": 7, "top_p": 0.9,
    }  # fmt: skip


def test_without_a_model_glm47_flash_is_meant(sandbox: Sandbox) -> None:
    rendered = sandbox.call("render")
    assert rendered.status == 0
    assert "\nmodel: glm47-flash\n" in rendered.stdout


def test_model_can_be_named_by_the_environment(sandbox: Sandbox) -> None:
    result = sandbox.call(env={"MODEL": "other"})
    assert (result.status, result.stdout.splitlines()[1]) == (0, "other is ready.")


def test_two_stacks_of_one_checkout_do_not_touch_each_other(new_sandbox: Callable[..., Sandbox]) -> None:
    first = new_sandbox()
    second = Sandbox(first.root, first.home, f"{first.stack}-2")
    ports = {"GATEWAY_PORT": str(second.gateway_port), "ENGINE_PORT": str(second.engine_port)}
    try:
        first.up("tiny")
        second.up("other", env=ports)
        before = first.pids()
        assert second.chat("two", model="other").ok
        second.call("down", env=ports)
        second.check_nothing_left()
        assert first.pids() == before
        assert first.states() == {"database": "ready", "engine": "ready", "gateway": "ready"}
        assert first.chat("one", model="tiny").ok
    finally:
        second.close()


def test_generated_config_dir_is_where_the_files_go_and_only_they_are_removed(sandbox: Sandbox) -> None:
    folder = sandbox.root / "generated here"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    sandbox.write_settings(GENERATED_CONFIG_DIR=f"'{folder}'")
    sandbox.up()
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", "engine.sh", "mine.txt", "models.yml"]
    assert sandbox.chat().ok
    sandbox.call("down")
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_a_checkout_may_lie_in_a_folder_with_spaces_quotes_and_percent_signs(new_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = new_sandbox("my 100% 'own' $HOME ")
    sandbox.up()
    assert sandbox.chat().ok
    sandbox.call("down")
    sandbox.check_nothing_left()


def test_a_new_gateway_port_moves_only_the_gateway(sandbox: Sandbox) -> None:
    sandbox.up()
    before = sandbox.pids()
    sandbox.gateway_port = free_port()
    sandbox.write_settings()
    sandbox.up()
    after = sandbox.pids()
    assert [part for part in before if before[part] != after[part]] == ["gateway"]
    assert sandbox.chat().ok
    assert sandbox.status()["state"] == "ready"
