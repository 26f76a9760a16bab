"""Codex: a profile of its own, `slipway.config.toml`, so that a person's config.toml stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

from slipway.clients.base import AGENT_ROUTE, Access, Client, Environ, FileChange, Place, Start, home
from slipway.clients.edits import changed_text

_PROVIDER = ("model_providers", "slipway")
_KEY = "experimental_bearer_token"


def _settings(access: Access) -> dict[str, str | int]:
    found: dict[str, str | int] = {"model": AGENT_ROUTE, "model_provider": "slipway"}
    if access.context:
        found["model_context_window"] = access.context
        found["model_auto_compact_token_limit"] = access.context * 4 // 5  # leaves room for the answer and for the summary
    return found


def _provider(access: Access) -> dict[str, str | int]:
    return {"name": "Slipway", "base_url": f"{access.url}/v1", "wire_api": "responses", _KEY: access.key.reveal()}


def profile(access: Access, folder: Path) -> FileChange:
    values: dict[Place, str | int] = {(key,): value for key, value in _settings(access).items()}
    values |= {(*_PROVIDER, key): value for key, value in _provider(access).items()}
    return FileChange(folder / "slipway.config.toml", values)


def snippet(access: Access) -> str:
    text = changed_text(profile(access, Path()), None)
    return f"mkdir -p ~/.codex && cat > ~/.codex/slipway.config.toml <<'EOF'\n{text}EOF\ncodex --profile slipway"


def changes(access: Access, environ: Environ) -> tuple[FileChange, ...]:
    return (profile(access, Path(environ.get("CODEX_HOME") or home(environ) / ".codex")),)


def start(access: Access, folder: Path) -> Start:
    """As `-c` options; the key in a variable, because options show in the process list."""
    provider = {key: value for key, value in _provider(access).items() if key != _KEY} | {"env_key": "SLIPWAY_API_KEY"}
    options = {**_settings(access), **{".".join((*_PROVIDER, key)): value for key, value in provider.items()}}
    words = (word for key, value in options.items() for word in ("-c", f"{key}={json.dumps(value)}"))
    return Start(("codex", *words), {"SLIPWAY_API_KEY": access.key.reveal()})


CLIENT = Client(
    name="codex",
    title="Codex",
    program="codex",
    install="npm install -g @openai/codex",
    snippet=snippet,
    changes=changes,
    start=start,
    after="codex --profile slipway",
)
