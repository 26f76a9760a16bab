"""Another model in place of the first, and an end that leaves nothing but the data. Runs last: it stops the stack."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.e2e.conftest import ROOT, Stack, last_sampling, shared_memory


def processes_of(stack: Stack) -> list[psutil.Process]:
    """supervisord, its parts and all their children."""
    supervisor = psutil.Process(stack.part("engine")["pid"]).parent()
    assert supervisor is not None
    return [supervisor, *supervisor.children(recursive=True)]


def test_switching_keeps_vllm_agent_and_the_keys_and_takes_further_parameters(stack: Stack, virtual_key: str, tmp_path: Path) -> None:
    twin = ROOT / "models" / f"{stack.environ['STACK_NAME']}.yml"
    # min_tokens is no setting: what vLLM's requests take beyond those goes to the engine from a model file too
    recipe = (ROOT / "models/demo.yml").read_text().replace("litellm:\n", "litellm:\n  min_tokens: 3\n")
    twin.write_text(recipe + "aliases: [the-twin]\n")
    database = stack.part("database")["pid"]
    try:
        switched = stack.up(twin.stem)

        assert switched.returncode == 0, switched.stderr
        assert stack.status()["model"] == twin.stem
        assert stack.part("database")["pid"] == database
        for model in ("vllm_agent", "the-twin", twin.stem):
            assert stack.chat("Hello", key=virtual_key, model=model).status_code == 200
        assert stack.chat("Hello", model="demo").status_code == 404
        before = stack.log("engine")
        stack.chat("Hello").raise_for_status()
        assert "min_tokens=3," in last_sampling(stack, before)
    finally:
        twin.unlink()


def test_down_leaves_nothing_running_and_nothing_on_the_tmpfs_and_keeps_the_data(stack: Stack) -> None:
    before = processes_of(stack)
    stopped = stack.run("down")

    assert len(before) > 5
    assert stopped.returncode == 0, stopped.stderr
    assert [process for process in before if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []
    assert shared_memory() - stack.shared_memory_before == set()
    assert (ROOT / f".slipway/data/{stack.environ['STACK_NAME']}/postgres/PG_VERSION").exists()
    assert stack.run("status").stdout == "nothing is running\n"


def test_down_with_volumes_deletes_the_data(stack: Stack) -> None:
    assert stack.run("down", "--volumes").returncode == 0
    assert not (ROOT / f".slipway/data/{stack.environ['STACK_NAME']}").exists()
