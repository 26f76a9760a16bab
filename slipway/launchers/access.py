"""How a client reaches the stack that runs, and what its model can do: from the launch's notes and the engine's answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.errors import StackError
from slipway.launchers.base import Access
from slipway.plan import Plan
from slipway.secrets import Secret


def client_key(secrets: Mapping[str, Secret]) -> Secret:
    """The key that is shown to people: the one meant for clients, else the master key."""
    return secrets.get("ANTHROPIC_AUTH_TOKEN", secrets["LITELLM_MASTER_KEY"])


def access_state(plan: Plan) -> dict[str, Any]:
    """What a launch notes of its stack for `read_access`."""
    return {
        "model": plan.model,
        "max_tokens": plan.gateway.routes[0].defaults.get("max_tokens"),
        "tools": all(engine.calls_tools for engine in plan.engines),
        "gateway": plan.gateway.url,
    }


def read_access(state: Mapping[str, Any], secrets: Mapping[str, Secret], context: int, *, changed: bool = True) -> Access:
    """`state` is what the launch noted, `context` what the engine says of its context's length."""
    longest = state.get("max_tokens") or context
    return Access(
        url=state["gateway"],
        key=client_key(secrets),
        model=state["model"],
        changed=changed,
        context=context,
        output=min(longest, context // 2),
        tools=state.get("tools", True),
    )


def read_secrets_of(folder: Path) -> dict[str, Secret]:
    """The secrets that a running stack was given. Raises StackError where nothing runs."""
    found = {path.name: Secret(path.read_text()) for path in folder.glob("*")}
    if "LITELLM_MASTER_KEY" not in found:
        raise StackError("nothing runs here to connect to", hint="launch a model first: ./runMe.sh")
    return found
