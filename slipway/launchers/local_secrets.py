"""The secrets of a local stack: the user's, the generated ones, and their copies that the parts read at start."""

from __future__ import annotations

import secrets as random_source
from collections.abc import Mapping
from pathlib import Path

from slipway.render import write_atomically
from slipway.secrets import DEFAULT_MASTER_KEY, Secret


def stack_secrets(user: Mapping[str, Secret], data: Path) -> dict[str, Secret]:
    """The user's secrets, the default master key, and the key between gateway and engine, made once."""
    found = {"LITELLM_MASTER_KEY": Secret(DEFAULT_MASTER_KEY), **user}
    if "VLLM_API_KEY" not in found:
        found["VLLM_API_KEY"] = generated_secret(data, "VLLM_API_KEY")
    return found


def generated_secret(data: Path, name: str) -> Secret:
    """A random value, made once per installation and kept in a file that only its owner can read."""
    path = data / "secrets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, random_source.token_urlsafe(32), 0o600)
    return Secret(path.read_text())


def write_stack_secrets(folder: Path, secrets: Mapping[str, Secret]) -> set[str]:
    """Put each secret where the parts' scripts read it, remove others, and give the names of those that changed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    changed = set()
    for path in folder.iterdir():
        if path.name not in secrets:
            path.unlink()
            changed.add(path.name)
    for name, secret in secrets.items():
        path = folder / name
        if not path.exists() or path.read_text() != secret.reveal():
            write_atomically(path, secret.reveal(), 0o600)
            changed.add(name)
    return changed
