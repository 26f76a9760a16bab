"""The variables that most SDKs and command line tools read, for `eval`."""

from __future__ import annotations

from slipway.clients.base import AGENT_ROUTE, Access, Client, exports


def variables(access: Access) -> dict[str, str]:
    key = access.key.reveal()
    return {
        "OPENAI_BASE_URL": f"{access.url}/v1",
        "OPENAI_API_BASE": f"{access.url}/v1",
        "OPENAI_API_KEY": key,
        "OPENAI_MODEL": AGENT_ROUTE,
        "ANTHROPIC_BASE_URL": access.url,
        "ANTHROPIC_AUTH_TOKEN": key,
        "ANTHROPIC_MODEL": AGENT_ROUTE,
    }


CLIENT = Client(
    name="env",
    title="variables for SDKs",
    program="",
    install="",
    snippet=lambda access: exports(variables(access)),
)
