"""What a person is shown when the stack answers: the address, the key, and three snippets to paste."""

from __future__ import annotations

from slipway.launchers.base import Access
from slipway.recipe import AGENT_ROUTE


def curl_snippet(access: Access) -> str:
    return f"""\
curl {access.url}/v1/chat/completions -H "Authorization: Bearer {access.key.reveal()}" \\
  -H "Content-Type: application/json" \\
  -d '{{"model": "{AGENT_ROUTE}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'"""


def claude_code_snippet(access: Access) -> str:
    models = " ".join(f"ANTHROPIC_DEFAULT_{size}_MODEL={AGENT_ROUTE}" for size in ("OPUS", "SONNET", "HAIKU"))
    return f"""\
ANTHROPIC_BASE_URL={access.url} ANTHROPIC_AUTH_TOKEN={access.key.reveal()} ANTHROPIC_API_KEY= \\
  {models} \\
  CLAUDE_CODE_ATTRIBUTION_HEADER=0 claude --model {AGENT_ROUTE}"""


def python_snippet(access: Access) -> str:
    return f"""\
python3 - <<'EOF'
from openai import OpenAI  # pip install openai
client = OpenAI(base_url="{access.url}/v1", api_key="{access.key.reveal()}")
answer = client.chat.completions.create(model="{AGENT_ROUTE}", messages=[{{"role": "user", "content": "Hello!"}}])
print(answer.choices[0].message.content)
EOF"""


def welcome(access: Access) -> str:
    """The text after a launch."""
    state = "is ready" if access.changed else "was running already; nothing changed"
    return f"""
{access.model} {state}.

  address  {access.url}
  key      {access.key.reveal()}
  model    {AGENT_ROUTE} (or {access.model})

# curl
{curl_snippet(access)}

# Claude Code
{claude_code_snippet(access)}

# Python
{python_snippet(access)}
"""
