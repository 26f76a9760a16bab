"""The tools that people point at a stack: one module each, and the one list of them."""

from __future__ import annotations

from slipway.clients import aider, claude_code, codex, continue_dev, curl, environment, opencode, python_sdk, vscode
from slipway.clients.base import Client

# in the order in which they are listed
CLIENTS: dict[str, Client] = {
    client.name: client
    for client in (
        claude_code.CLIENT,
        codex.CLIENT,
        opencode.CLIENT,
        vscode.CLIENT,
        continue_dev.CLIENT,
        aider.CLIENT,
        curl.CLIENT,
        python_sdk.CLIENT,
        environment.CLIENT,
    )
}
