"""VS Code's chat: a group of the vendor `customendpoint` (VS Code 1.122 and newer) in chatLanguageModels.json."""

from __future__ import annotations

import json
import sys
from typing import Any

from slipway.clients.base import AGENT_ROUTE, Access, Client, Environ, FileChange, config_home, home, model_label


def group(access: Access) -> dict[str, Any]:
    model: dict[str, Any] = {
        "id": AGENT_ROUTE,
        "name": model_label(access),
        "url": f"{access.url}/v1/chat/completions",
        "toolCalling": access.tools,
        "vision": access.images,
    }
    if access.context:
        model |= {"maxInputTokens": access.context - access.output, "maxOutputTokens": access.output}
    return {"name": "Slipway", "vendor": "customendpoint", "apiKey": access.key.reveal(), "apiType": "chat-completions", "models": [model]}


def snippet(access: Access) -> str:
    return f"// command palette: Chat: Open Language Models (JSON)\n{json.dumps([group(access)], indent=2)}"


def changes(access: Access, environ: Environ) -> tuple[FileChange, ...]:
    folder = home(environ) / "Library/Application Support" if sys.platform == "darwin" else config_home(environ)
    return (FileChange(folder / "Code/User/chatLanguageModels.json", {(("name", "Slipway"),): group(access)}, empty="[]\n"),)


CLIENT = Client(
    name="vscode",
    title="VS Code (chat)",
    program="code",
    install="VS Code 1.122 or newer",
    snippet=snippet,
    tells_images=True,
    language="jsonc",
    changes=changes,
    after="VS Code's model picker",
)
