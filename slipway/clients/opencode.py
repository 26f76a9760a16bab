"""OpenCode: a provider in its opencode.json."""

from __future__ import annotations

import json
from typing import Any

from slipway.clients.base import AGENT_ROUTE, Access, Client, Environ, FileChange, Start, config_home, exports, model_label

_MODEL = f"slipway/{AGENT_ROUTE}"


def provider(access: Access) -> dict[str, Any]:
    model: dict[str, Any] = {"name": model_label(access), "tool_call": access.tools}
    if access.images:
        model |= {"attachment": True, "modalities": {"input": ["text", "image"], "output": ["text"]}}
    if access.context:
        model["limit"] = {"context": access.context, "output": access.output}
    return {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Slipway",
        "options": {"baseURL": f"{access.url}/v1", "apiKey": access.key.reveal()},
        "models": {AGENT_ROUTE: model},
    }


def configuration(access: Access) -> dict[str, Any]:
    return {"$schema": "https://opencode.ai/config.json", "model": _MODEL, "provider": {"slipway": provider(access)}}


def variables(access: Access) -> dict[str, str]:
    """Configuration for one run, merged over what the files say."""
    return {"OPENCODE_CONFIG_CONTENT": json.dumps(configuration(access))}


def snippet(access: Access) -> str:
    return f"{exports(variables(access))}\nopencode"


def changes(access: Access, environ: Environ) -> tuple[FileChange, ...]:
    folder = config_home(environ) / "opencode"
    found = [path for path in (folder / "opencode.jsonc", folder / "opencode.json") if path.exists()]
    path = found[0] if found else folder / "opencode.json"
    return (FileChange(path, {("model",): _MODEL, ("provider", "slipway"): provider(access)}),)


CLIENT = Client(
    name="opencode",
    title="OpenCode",
    program="opencode",
    install="npm install -g opencode-ai",
    snippet=snippet,
    tells_images=True,
    changes=changes,
    start=lambda access, folder: Start(("opencode",), variables(access)),
    after="opencode",
)
