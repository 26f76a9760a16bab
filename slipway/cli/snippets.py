"""What a person is shown when the stack answers: the address, the key, and three snippets to paste."""

from __future__ import annotations

from slipway.clients import CLIENTS
from slipway.launchers.base import Access
from slipway.recipe import AGENT_ROUTE

_SHOWN = {"curl": "curl", "claude-code": "Claude Code", "python": "Python"}


def welcome(access: Access) -> str:
    """The text after a launch."""
    state = "is ready" if access.changed else "was running already; nothing changed"
    context = f"\n  context  {access.context:,} tokens" if access.context else ""
    snippets = "\n".join(f"# {title}\n{CLIENTS[name].snippet(access)}\n" for name, title in _SHOWN.items())
    return f"""
{access.model} {state}.

  address  {access.url}
  key      {access.key.reveal()}
  model    {AGENT_ROUTE} (or {access.model}){context}

{snippets}
# more: ./runMe.sh connect
"""
