"""LiteLLM's command, environment and template values."""

from __future__ import annotations

from slipway.gateway.config import ENVIRONMENT, SECRETS, build_argv, prisma_environment, template_values
from slipway.secrets import KNOWN
from tests.unit.building import plan

PLAN = plan(
    "command: vllm serve a/b\nlitellm: {temperature: 0, top_p: , repetition_penalty: 1}\n", overrides=["max_tokens=1K", "GATEWAY_HOST=::1"]
)


def test_the_proxy_s_command_names_config_host_and_port_and_no_secret() -> None:
    assert build_argv("/env/bin/litellm", PLAN.gateway, "/generated/config.yaml") == (
        *("/env/bin/litellm", "--config", "/generated/config.yaml", "--host", "::1", "--port", "4000"),
    )


def test_the_template_gets_one_entry_per_route_and_the_names_that_claude_code_uses() -> None:
    defaults = {"temperature": 0.0, "top_p": 0.9, "top_k": 50, "repetition_penalty": 1.0, "max_tokens": 1024}
    assert template_values(PLAN) == {
        "plan": PLAN,
        "routes": [
            {"name": name, "model": f"hosted_vllm/{served}", "api_base": "http://127.0.0.1:8000/v1", "defaults": defaults}
            for name, served in (("m", "m"), ("vllm_agent", "vllm_agent"), ("claude-*", "vllm_agent"))
        ],
        "aliases": dict.fromkeys(("opus", "opus[1m]", "sonnet", "sonnet[1m]", "haiku", "haiku[1m]"), "vllm_agent"),
    }


def test_a_model_that_is_called_like_one_of_claudes_keeps_its_name() -> None:
    aliases = template_values(plan("command: vllm serve a/b\naliases: [opus]\n"))["aliases"]

    assert isinstance(aliases, dict) and "opus" not in aliases and "sonnet" in aliases


def test_the_gateway_is_given_only_secrets_that_slipway_knows() -> None:
    assert set(SECRETS) <= set(KNOWN)
    assert set(ENVIRONMENT) & set(KNOWN) == set()


def test_prisma_uses_the_engine_in_its_folder_and_downloads_nothing() -> None:
    assert prisma_environment("/env/prisma") == {
        "PRISMA_QUERY_ENGINE_BINARY": "/env/prisma/query_engine.mjs",
        "PRISMA_CLI_QUERY_ENGINE_TYPE": "binary",
        "PRISMA_BINARY_CACHE_DIR": "/env/prisma",
        "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/false",
        "CHECKPOINT_DISABLE": "1",
    }
