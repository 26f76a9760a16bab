"""Continue: a model in the list of its config.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from slipway.clients.base import AGENT_ROUTE, Access, Client, Environ, FileChange, Start, home

_HEAD = "name: Slipway\nversion: 1.0.0\nschema: v1\n"


def model(access: Access) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": "Slipway",
        "provider": "openai",
        "model": AGENT_ROUTE,
        "apiBase": f"{access.url}/v1",
        "apiKey": access.key.reveal(),
        "roles": ["chat", "edit", "apply"],
        "capabilities": [name for name, can in (("tool_use", access.tools), ("image_input", access.images)) if can],
    }
    if access.context:
        found["defaultCompletionOptions"] = {"contextLength": access.context, "maxTokens": access.output}
    return found


def snippet(access: Access) -> str:
    return f"# ~/.continue/config.yaml\n{_HEAD}{yaml.safe_dump({'models': [model(access)]}, sort_keys=False)}".rstrip()


def file_change(access: Access, path: Path) -> FileChange:
    return FileChange(path, {("models", ("name", "Slipway")): model(access)}, empty=_HEAD)


def changes(access: Access, environ: Environ) -> tuple[FileChange, ...]:
    folder = Path(environ.get("CONTINUE_GLOBAL_DIR") or home(environ) / ".continue")
    return (file_change(access, folder / "config.yaml"),)


def start(access: Access, folder: Path) -> Start:
    """With a configuration of its own, because none of Continue's options names an address."""
    file = file_change(access, folder / "continue.yaml")
    return Start(("cn", "--config", str(file.path)), file=file)


CLIENT = Client(
    name="continue",
    title="Continue",
    program="cn",
    install="the Continue extension, or: npm install -g @continuedev/cli",
    snippet=snippet,
    tells_images=True,
    language="yaml",
    changes=changes,
    start=start,
    after="Continue's model picker",
)
