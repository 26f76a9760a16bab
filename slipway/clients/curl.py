"""curl: one question as a shell command."""

from __future__ import annotations

import json
from pathlib import Path

from slipway.clients.base import AGENT_ROUTE, Access, Client, Start

_BODY = json.dumps({"model": AGENT_ROUTE, "messages": [{"role": "user", "content": "Hello!"}]})


def snippet(access: Access) -> str:
    return f"""\
curl {access.url}/v1/chat/completions -H "Authorization: Bearer {access.key.reveal()}" \\
  -H "Content-Type: application/json" \\
  -d '{_BODY}'"""


def start(access: Access, folder: Path) -> Start:
    """The request as curl's configuration on its standard input, because its arguments would show the key."""
    lines = (
        ("url", f"{access.url}/v1/chat/completions"),
        ("header", f"Authorization: Bearer {access.key.reveal()}"),
        ("header", "Content-Type: application/json"),
        ("data", _BODY),
    )
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines)
    return Start(("sh", "-c", 'printf "%s" "$SLIPWAY_CURL" | curl -sS -K - "$@"', "curl"), {"SLIPWAY_CURL": text})


CLIENT = Client(
    name="curl",
    title="curl",
    program="curl",
    install="apt-get install curl",
    snippet=snippet,
    start=start,
)
