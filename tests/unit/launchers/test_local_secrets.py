"""The secrets of a local stack: made once, readable by their owner only, and copied for the parts."""

from __future__ import annotations

from pathlib import Path

from slipway.launchers.local_secrets import generated_secret, stack_secrets, write_stack_secrets
from slipway.secrets import Secret


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_a_generated_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = generated_secret(tmp_path, "VLLM_API_KEY")
    assert generated_secret(tmp_path, "VLLM_API_KEY") == first
    assert generated_secret(tmp_path, "OTHER") != first
    assert len(first.reveal()) >= 32
    assert modes(tmp_path / "secrets") == {"VLLM_API_KEY": 0o600, "OTHER": 0o600}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_stack_has_the_default_master_key_and_a_key_of_its_own_for_the_engine(tmp_path: Path) -> None:
    secrets = stack_secrets({}, tmp_path / "data")
    assert secrets == {"LITELLM_MASTER_KEY": Secret("sk-FAKE"), "VLLM_API_KEY": generated_secret(tmp_path / "data", "VLLM_API_KEY")}


def test_a_user_s_secrets_are_taken_and_nothing_is_generated_for_them(tmp_path: Path) -> None:
    user = {"LITELLM_MASTER_KEY": Secret("sk-mine"), "VLLM_API_KEY": Secret("mine"), "HF_TOKEN": Secret("hf_x")}
    assert stack_secrets(user, tmp_path / "data") == user
    assert not (tmp_path / "data").exists()


def test_the_parts_copies_follow_the_secrets(tmp_path: Path) -> None:
    folder = tmp_path / "run/secrets"
    assert write_stack_secrets(folder, {"A": Secret("1"), "B": Secret("2")}) == {"A", "B"}
    assert write_stack_secrets(folder, {"A": Secret("1"), "B": Secret("2")}) == set()
    assert write_stack_secrets(folder, {"A": Secret("1"), "C": Secret("3")}) == {"B", "C"}
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"A": "1", "C": "3"}
    assert (modes(folder), folder.stat().st_mode & 0o777) == ({"A": 0o600, "C": 0o600}, 0o700)
