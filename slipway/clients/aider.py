"""Aider: its .aider.conf.yml, and the metadata file that tells it how long the context is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from slipway.clients.base import AGENT_ROUTE, Access, Client, Environ, FileChange, Start, exports, home

_MODEL = f"openai/{AGENT_ROUTE}"


def options(access: Access) -> dict[str, str]:
    return {"model": _MODEL, "openai-api-base": f"{access.url}/v1", "openai-api-key": access.key.reveal()}


def variables(access: Access) -> dict[str, str]:
    return {f"AIDER_{name.replace('-', '_').upper()}": value for name, value in options(access).items()}


def metadata(access: Access) -> dict[str, Any]:
    """Prices of 0, so that Aider does not warn that it cannot count costs."""
    limits = {"max_input_tokens": access.context, "max_output_tokens": access.output} if access.context else {}
    images = {"supports_vision": True} if access.images else {}
    return {**limits, **images, "input_cost_per_token": 0, "output_cost_per_token": 0, "litellm_provider": "openai", "mode": "chat"}


def metadata_file(access: Access, folder: Path) -> FileChange:
    return FileChange(folder / ".aider.model.metadata.json", {(_MODEL,): metadata(access)})


def snippet(access: Access) -> str:
    text = json.dumps({_MODEL: metadata(access)}, indent=2)
    return f"{exports(variables(access))}\ncat > .aider.model.metadata.json <<'EOF'\n{text}\nEOF\naider"


def changes(access: Access, environ: Environ) -> tuple[FileChange, ...]:
    folder = home(environ)
    return (
        FileChange(folder / ".aider.conf.yml", {(name,): value for name, value in options(access).items()}),
        metadata_file(access, folder),
    )


def start(access: Access, folder: Path) -> Start:
    file = metadata_file(access, folder)
    return Start(("aider",), {**variables(access), "AIDER_MODEL_METADATA_FILE": str(file.path)}, file)


CLIENT = Client(
    name="aider",
    title="Aider",
    program="aider",
    install="pip install aider-chat",
    snippet=snippet,
    tells_images=True,
    changes=changes,
    start=start,
    after="aider",
)
