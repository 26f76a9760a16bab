"""Continue: a model in the list of its config.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from slipway.clients.base import AGENT_ROUTE, Access, Client, Environ, FileChange, home

_HEAD = "name: Slipway\nversion: 1.0.0\nschema: v1\n"


def model(access: Access) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": "Slipway",
        "provider": "openai",
        "model": AGENT_ROUTE,
        "apiBase": f"{access.url}/v1",
        "apiKey": access.key.reveal(),
        "roles": ["chat", "edit", "apply"],
        "capabilities": ["tool_use"] if access.tools else [],
    }
    if access.context:
        found["defaultCompletionOptions"] = {"contextLength": access.context, "maxTokens": access.output}
    return found


def snippet(access: Access) -> str:
    return f"# ~/.continue/config.yaml\n{_HEAD}{yaml.safe_dump({'models': [model(access)]}, sort_keys=False)}".rstrip()


def changes(access: Access, environ: Environ) -> tuple[FileChange, ...]:
    folder = Path(environ.get("CONTINUE_GLOBAL_DIR") or home(environ) / ".continue")
    return (FileChange(folder / "config.yaml", {("models", ("name", "Slipway")): model(access)}, empty=_HEAD),)


CLIENT = Client(
    name="continue",
    title="Continue",
    program="cn",
    install="the Continue extension, or: npm install -g @continuedev/cli",
    snippet=snippet,
    language="yaml",
    changes=changes,
    after="Continue's model picker",
)
