"""What a person is shown after a launch, whole."""

from __future__ import annotations

from dataclasses import replace

from slipway.cli.snippets import welcome
from slipway.launchers.base import Access
from slipway.secrets import Secret

ACCESS = Access("http://127.0.0.1:4000", Secret("sk-FAKE"), "demo", context=32768, output=512)


def test_the_welcome_is_address_key_model_context_and_three_snippets() -> None:
    assert (
        welcome(ACCESS)
        == """
demo is ready.

  address  http://127.0.0.1:4000
  key      sk-FAKE
  model    vllm_agent (or demo)
  context  32,768 tokens

# curl
curl http://127.0.0.1:4000/v1/chat/completions -H "Authorization: Bearer sk-FAKE" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "vllm_agent", "messages": [{"role": "user", "content": "Hello!"}]}'

# Claude Code
ANTHROPIC_BASE_URL=http://127.0.0.1:4000 ANTHROPIC_AUTH_TOKEN=sk-FAKE ANTHROPIC_API_KEY= \\
  ANTHROPIC_MODEL=vllm_agent ANTHROPIC_DEFAULT_OPUS_MODEL=vllm_agent \\
  ANTHROPIC_DEFAULT_SONNET_MODEL=vllm_agent ANTHROPIC_DEFAULT_HAIKU_MODEL=vllm_agent \\
  CLAUDE_CODE_ATTRIBUTION_HEADER=0 CLAUDE_CODE_MAX_CONTEXT_TOKENS=32768 CLAUDE_CODE_MAX_OUTPUT_TOKENS=512 claude

# Python
python3 - <<'EOF'
from openai import OpenAI  # pip install openai
client = OpenAI(base_url="http://127.0.0.1:4000/v1", api_key="sk-FAKE")
answer = client.chat.completions.create(model="vllm_agent", messages=[{"role": "user", "content": "Hello!"}])
print(answer.choices[0].message.content)
EOF

# more: ./runMe.sh connect
"""
    )


def test_a_stack_that_ran_already_is_said_to_be_unchanged() -> None:
    assert welcome(replace(ACCESS, changed=False)).splitlines()[1] == "demo was running already; nothing changed."


def test_a_context_that_is_not_known_is_left_out() -> None:
    assert "context" not in welcome(replace(ACCESS, context=0, output=0)).lower()
