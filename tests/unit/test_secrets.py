"""Secrets: never shown, read from files that only their owner can read."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path

import pytest
import yaml

from slipway.errors import ConfigError
from slipway.secrets import KNOWN, Secret, read_secrets


def write(folder: Path, name: str, text: str | bytes, mode: int = 0o600) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    (folder / name).chmod(mode)


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("sk-hidden")
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>10}",
        f"{secret!r}",
        "%s" % secret,  # noqa: UP031
        str([secret]),
        str({"key": secret}),
        yaml.dump({"key": secret}),
        pickle.dumps(secret).decode("latin-1"),
    ]
    assert [text for text in shown if "hidden" in text] == []
    assert shown[:6] == ["****", "Secret(****)", "****", "      ****", "Secret(****)", "****"]


def test_a_safe_dump_refuses_a_secret_without_showing_it() -> None:
    with pytest.raises(yaml.representer.RepresenterError) as caught:
        yaml.safe_dump({"key": Secret("sk-hidden")}, io.StringIO())
    assert caught.value.args == ("cannot represent an object", Secret("sk-hidden"))
    assert "hidden" not in str(caught.value)


def test_reveal_gives_the_text_and_a_copy_is_the_same_secret() -> None:
    secret = Secret("sk-hidden")
    assert secret.reveal() == "sk-hidden"
    assert copy.deepcopy({"key": secret})["key"].reveal() == "sk-hidden"
    assert copy.copy(secret) is secret
    assert not hasattr(secret, "__dict__")


def test_equal_secrets_are_equal_and_hash_alike() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize("text", ["sk-mine", "sk-mine\n", "sk-mine\r\n", "sk-mine\n\n", " sk-mine "])
def test_white_space_around_a_secret_is_not_part_of_it(tmp_path: Path, text: str) -> None:
    write(tmp_path, "LITELLM_MASTER_KEY", text)
    assert read_secrets(tmp_path, {}) == {"LITELLM_MASTER_KEY": Secret("sk-mine")}


def test_the_environment_beats_the_file_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path, "HF_TOKEN", "from-file")
    assert read_secrets(tmp_path, {"HF_TOKEN": "from-environment\n"}) == {"HF_TOKEN": Secret("from-environment")}
    assert read_secrets(tmp_path, {"HF_TOKEN": " "}) == {"HF_TOKEN": Secret("from-file")}


def test_every_known_secret_is_read_and_nothing_else(tmp_path: Path) -> None:
    for name in (*KNOWN, "OTHER"):
        write(tmp_path, name, f"sk-{name}")
    assert read_secrets(tmp_path, {"OTHER": "x"}) == {name: Secret(f"sk-{name}") for name in KNOWN}


def test_no_folder_and_no_environment_is_no_secret(tmp_path: Path) -> None:
    assert read_secrets(tmp_path / "none", {}) == {}


BAD_FILES = [
    ("", 0o600, "secrets/HF_TOKEN: this secret is empty (write one value into it, or delete the file)"),
    ("\n \n", 0o600, "secrets/HF_TOKEN: this secret is empty (write one value into it, or delete the file)"),
    ("hf_x", 0o604, "secrets/HF_TOKEN: every user of this machine can read this secret (chmod 600 secrets/HF_TOKEN)"),
    ("hf_x", 0o644, "secrets/HF_TOKEN: every user of this machine can read this secret (chmod 600 secrets/HF_TOKEN)"),
    ("hf_x\nhf_y\n", 0o600, "secrets/HF_TOKEN:2: a secret is one line (keep only the value itself)"),
    ("hf\0x", 0o600, "secrets/HF_TOKEN:1: a secret is plain text (this one holds a character that cannot be printed)"),
    (b"\xff\xfe", 0o600, "secrets/HF_TOKEN: the file is not UTF-8 text"),
]


@pytest.mark.parametrize(("text", "mode", "message"), BAD_FILES)
def test_a_bad_secret_file_is_refused_with_its_reason(tmp_path: Path, text: str | bytes, mode: int, message: str) -> None:
    write(tmp_path / "secrets", "HF_TOKEN", text, mode)
    with pytest.raises(ConfigError) as caught:
        read_secrets(tmp_path / "secrets", {})
    assert caught.value.message == message
    assert caught.value.exit_code == 2


def test_a_master_key_must_start_with_sk(tmp_path: Path) -> None:
    write(tmp_path / "secrets", "LITELLM_MASTER_KEY", "mine")
    with pytest.raises(ConfigError) as caught:
        read_secrets(tmp_path / "secrets", {})
    assert caught.value.message == "secrets/LITELLM_MASTER_KEY: the master key must start with sk- (LiteLLM refuses any other)"
    with pytest.raises(ConfigError) as caught:
        read_secrets(tmp_path / "secrets", {"LITELLM_MASTER_KEY": "other"})
    assert caught.value.message == "LITELLM_MASTER_KEY: the master key must start with sk- (LiteLLM refuses any other)"


def test_all_bad_secrets_are_named_at_once(tmp_path: Path) -> None:
    write(tmp_path / "secrets", "HF_TOKEN", "")
    write(tmp_path / "secrets", "VLLM_API_KEY", "")
    with pytest.raises(ConfigError) as caught:
        read_secrets(tmp_path / "secrets", {})
    assert [problem.path for problem in caught.value.problems] == ["secrets/HF_TOKEN", "secrets/VLLM_API_KEY"]
