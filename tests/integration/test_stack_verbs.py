"""status, logs, render, check, models: what they print, and that they start nothing."""

from __future__ import annotations

import json

import psutil

from .sandbox import Sandbox, wait_until


def test_status_as_json_tells_every_part(sandbox: Sandbox) -> None:
    sandbox.up()
    result = sandbox.call("status", "--json")
    status = json.loads(result.stdout)
    parts = {part.pop("part"): part for part in status.pop("parts")}
    assert result.status == 0
    assert status == {"state": "ready", "model": "tiny", "runtime": "local"}
    assert {name: (part["state"], part["pid"], part["address"], part["detail"]) for name, part in parts.items()} == {
        "database": ("ready", sandbox.pid("database"), "unix socket", ""),
        "engine": ("ready", sandbox.pid("engine"), f"http://127.0.0.1:{sandbox.engine_port}", ""),
        "gateway": ("ready", sandbox.pid("gateway"), f"http://127.0.0.1:{sandbox.gateway_port}", ""),
    }
    for part in parts.values():
        assert 0 < part["uptime"] < 60
        assert psutil.Process(part["pid"]).memory_info().rss / 20 < part["memory"] < 2**30


def test_status_as_text_is_a_table(sandbox: Sandbox) -> None:
    sandbox.up()
    lines = sandbox.call("status").stdout.splitlines()
    assert lines[0] == "tiny: ready (local)"
    assert lines[1].split() == ["part", "state", "address", "pid", "uptime", "memory"]
    assert [line.split()[:2] for line in lines[2:]] == [["database", "ready"], ["engine", "ready"], ["gateway", "ready"]]


def test_status_of_nothing_says_so(sandbox: Sandbox) -> None:
    result = sandbox.call("status")
    assert (result.status, result.stdout) == (3, "nothing is running\n")
    assert sandbox.status() == {"state": "stopped", "model": "", "runtime": "local", "parts": []}


def test_logs_of_one_part_of_all_and_of_none(sandbox: Sandbox) -> None:
    sandbox.up()
    assert "Starting vLLM server on" in sandbox.call("logs", "engine").stdout
    everything = sandbox.call("logs").stdout
    assert {line.split()[0] for line in everything.splitlines()} == {"database", "engine", "gateway", "supervisord"}
    assert sandbox.call("logs", "gateway", "-n", "1").stdout == "LiteLLM: ready\n"
    assert sandbox.fail("logs", "nope") == (
        2, "error: there is no log of 'nope'\nhint: parts with a log: database, engine, gateway, supervisord\n",
    )  # fmt: skip


def test_logs_can_be_followed(sandbox: Sandbox) -> None:
    sandbox.up()
    follower = sandbox.start("logs", "engine", "-f", "-n", "1")
    assert follower.stdout is not None
    follower.stdout.readline()
    sandbox.chat("are you there?")
    lines = follower.stdout
    wait_until(lambda: "chat: are you there?" in lines.readline(), "the new line is shown")
    follower.terminate()
    assert sandbox.finish(follower).status == 130


def test_logs_cannot_be_followed_before_there_are_any(sandbox: Sandbox) -> None:
    assert sandbox.call("logs").stdout == ""
    assert sandbox.fail("logs", "-f") == (
        2, "error: there are no logs to follow yet\nhint: launch a model first: MODEL=demo ./runMe.sh\n",
    )  # fmt: skip


def test_logs_stay_after_down_and_go_with_the_data(sandbox: Sandbox) -> None:
    sandbox.up()
    sandbox.call("down")
    assert "Starting vLLM server on" in sandbox.call("logs", "engine").stdout
    sandbox.call("down", "--volumes")
    assert sandbox.fail("logs", "engine")[0] == 2


def test_render_prints_every_file_and_command_and_starts_nothing(sandbox: Sandbox) -> None:
    before = sorted(sandbox.home.rglob("*"))
    result = sandbox.call("render", "tiny")
    assert result.status == 0
    run = sandbox.run_folder
    files = [line.split()[2] for line in result.stdout.splitlines() if line.startswith("# ---- /")]
    assert files == [
        f"{run}/generated/models.yml", f"{run}/generated/config.yaml", f"{run}/generated/engine.sh",
        f"{run}/database.sh", f"{run}/gateway.sh", f"{run}/supervisord.conf", f"{run}/stack.json",
    ]  # fmt: skip
    assert result.stdout.splitlines()[-3:] == [f"sh {run}/generated/engine.sh", f"sh {run}/database.sh", f"sh {run}/gateway.sh"]
    assert sorted(sandbox.home.rglob("*")) == before
    assert sandbox.running() == []
    assert sandbox.shared_memory() == []


def test_render_into_a_folder_writes_what_a_launch_uses(sandbox: Sandbox) -> None:
    folder = sandbox.root / "out"
    result = sandbox.call("render", "tiny", "--to", str(folder))
    assert result.status == 0
    assert sorted(result.stdout.splitlines()) == sorted(str(path) for path in folder.iterdir())
    sandbox.up("tiny")
    for name in ("models.yml", "config.yaml", "engine.sh"):
        assert (folder / name).read_text() == (sandbox.run_folder / "generated" / name).read_text()


def test_check_tells_all_problems_of_all_files_in_one_pass(sandbox: Sandbox) -> None:
    sandbox.write_model("bad-one", "vllm serve a/b --seed 1 --seed 2", "litellm:\n  top_p: 3\n  temprature: 1\n")
    sandbox.write_model("bad-two", "vllm serve a/b --port 9")
    assert sandbox.fail("check") == (2, (
        "error: models/bad-one.yml:2: --seed is given twice: line 2 has --seed already\n"
        "models/bad-one.yml:4: litellm.top_p must be between 0.001 and 1, not 3\n"
        "models/bad-one.yml:5: unknown key litellm.temprature (did you mean temperature?)\n"
        "models/bad-two.yml:2: --port 9 is a flag that Slipway sets itself (remove it; set ENGINE_PORT)\n"
    ))  # fmt: skip
    assert sandbox.call("check", "tiny", "other").stdout == "2 model files: no problems\n"
    assert sandbox.shared_memory() == []


def test_models_lists_what_can_be_launched(sandbox: Sandbox) -> None:
    lines = sandbox.call("models").stdout.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith(("tiny", "other"))] == [["other", "other/model"], ["tiny", "tiny/model"]]
