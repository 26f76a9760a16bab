"""Secrets: where they go, and where they are never seen."""

from __future__ import annotations

import stat
from pathlib import Path

import psutil

from .sandbox import Sandbox

FROM_ENVIRONMENT = "sk-from-the-environment-8c1f"
FROM_FILE = "hf_from-a-file-77aa"


def texts(folder: Path) -> dict[Path, str]:
    return {path: path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()}


def test_no_secret_is_in_a_rendered_file_an_argv_or_a_log(sandbox: Sandbox) -> None:
    sandbox.write_secret("HF_TOKEN", FROM_FILE)
    sandbox.up(env={"LITELLM_MASTER_KEY": FROM_ENVIRONMENT})
    assert sandbox.chat(key=FROM_ENVIRONMENT).ok
    held = texts(sandbox.run_folder / "secrets")
    secrets = {path.name: text for path, text in held.items()}
    assert sorted(secrets) == ["DATABASE_URL", "HF_TOKEN", "LITELLM_MASTER_KEY", "VLLM_API_KEY"]
    assert (secrets["LITELLM_MASTER_KEY"], secrets["HF_TOKEN"]) == (FROM_ENVIRONMENT, FROM_FILE)
    password = (sandbox.paths.data / "secrets/DATABASE_PASSWORD").read_text()

    commands = [" ".join(process.cmdline()) for process in sandbox.running()]
    assert len(commands) > 4
    files = {**texts(sandbox.run_folder), **texts(sandbox.paths.logs)}
    for secret in (*secrets.values(), password):
        assert [path for path, text in files.items() if secret in text and path not in held] == []
        assert [command for command in commands if secret in command] == []


def test_copies_of_secrets_are_for_their_owner_only(sandbox: Sandbox) -> None:
    sandbox.up()
    for folder in (sandbox.run_folder / "secrets", sandbox.paths.data / "secrets"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_supervisord_and_the_engine_do_not_inherit_what_is_not_theirs(sandbox: Sandbox) -> None:
    sandbox.up(env={"LITELLM_MASTER_KEY": FROM_ENVIRONMENT})
    supervisord, engine = (psutil.Process(sandbox.pid(part)).environ() for part in ("supervisord", "engine"))
    assert FROM_ENVIRONMENT not in (*supervisord.values(), *engine.values())
    assert "DATABASE_URL" not in engine


def test_a_secret_that_ends_in_a_newline_just_works(sandbox: Sandbox) -> None:
    sandbox.write_secret("LITELLM_MASTER_KEY", "sk-mine\n")
    sandbox.up()
    assert sandbox.chat(key="sk-mine").ok


def test_a_new_key_restarts_only_the_gateway(sandbox: Sandbox) -> None:
    sandbox.up()
    before = sandbox.pids()
    sandbox.write_secret("LITELLM_MASTER_KEY", "sk-mine")
    sandbox.up()
    after = sandbox.pids()
    assert [part for part in before if before[part] != after[part]] == ["gateway"]
    assert [sandbox.chat(key=key).status for key in ("sk-mine", "sk-FAKE")] == [200, 401]


def test_render_and_status_show_no_secret(sandbox: Sandbox) -> None:
    env = {"LITELLM_MASTER_KEY": FROM_ENVIRONMENT, "DATABASE_URL": "postgresql://u:pass-word@localhost/d", "VLLM_API_KEY": "engine-key-31"}
    rendered = sandbox.call("render", "tiny", env=env)
    assert rendered.status == 0
    assert [secret for secret in (FROM_ENVIRONMENT, "pass-word", "engine-key-31") if secret in rendered.stdout + rendered.stderr] == []
    assert "os.environ/LITELLM_MASTER_KEY" in rendered.stdout
