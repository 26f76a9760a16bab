"""Codex: a profile of its own, `slipway.config.toml`, so that a person's config.toml stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

from slipway.clients.base import AGENT_ROUTE, Access, Client, Environ, FileChange, Start, home

_PROVIDER = "model_providers.slipway"


def _profile(access: Access) -> dict[str, dict[str, str | int]]:
    """TOML tables by name; the top level's name is empty."""
    top: dict[str, str | int] = {"model": AGENT_ROUTE, "model_provider": "slipway"}
    if access.context:
        top["model_context_window"] = access.context
        top["model_auto_compact_token_limit"] = access.context * 4 // 5  # leaves room for the answer and for the summary
    provider: dict[str, str | int] = {
        "name": "Slipway",
        "base_url": f"{access.url}/v1",
        "wire_api": "responses",
        "experimental_bearer_token": access.key.reveal(),
    }
    return {"": top, _PROVIDER: provider}


def profile_text(access: Access) -> str:
    parts = []
    for table, values in _profile(access).items():
        head = f"\n[{table}]\n" if table else ""
        # a JSON string is a TOML string
        parts.append(head + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
    return "".join(parts)


def snippet(access: Access) -> str:
    return f"mkdir -p ~/.codex && cat > ~/.codex/slipway.config.toml <<'EOF'\n{profile_text(access)}EOF\ncodex --profile slipway"


def changes(access: Access, environ: Environ) -> tuple[FileChange, ...]:
    folder = Path(environ.get("CODEX_HOME") or home(environ) / ".codex")
    return (FileChange(folder / "slipway.config.toml", text=profile_text(access)),)


def start(access: Access) -> Start:
    """As `-c` options; the key in a variable, because options show in the process list."""
    options = {
        f"{table}.{key}" if table else key: value
        for table, values in _profile(access).items()
        for key, value in values.items()
        if key != "experimental_bearer_token"
    }
    options[f"{_PROVIDER}.env_key"] = "SLIPWAY_API_KEY"
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
