"""Python, with OpenAI's SDK."""

from __future__ import annotations

from slipway.clients.base import AGENT_ROUTE, Access, Client, Start


def program(access: Access) -> str:
    return f"""\
from openai import OpenAI  # pip install openai
client = OpenAI(base_url="{access.url}/v1", api_key="{access.key.reveal()}")
answer = client.chat.completions.create(model="{AGENT_ROUTE}", messages=[{{"role": "user", "content": "Hello!"}}])
print(answer.choices[0].message.content)
"""


def snippet(access: Access) -> str:
    return f"python3 - <<'EOF'\n{program(access)}EOF"


CLIENT = Client(
    name="python",
    title="Python (openai)",
    program="python3",
    install="pip install openai",
    snippet=snippet,
    start=lambda access, folder: Start(
        ("python3", "-c", "import os; exec(os.environ['SLIPWAY_SNIPPET'])"), {"SLIPWAY_SNIPPET": program(access)}
    ),
)
