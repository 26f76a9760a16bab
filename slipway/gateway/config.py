"""Plan → what the gateway's template needs, the gateway's command and its environment. Pure."""

from __future__ import annotations

from slipway.plan import GatewayPlan, Plan

# The part of the gateway's environment that is the same wherever it runs.
ENVIRONMENT = {
    "DISABLE_SCHEMA_UPDATE": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_WORKER_STARTUP_HOOKS": "slipway.gateway.outage:install,slipway.gateway.responses:install,slipway.gateway.lane:install",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "WARNING",
}

# Why each of them is there; `explain` shows it.
REASONS = {
    "DISABLE_SCHEMA_UPDATE": "Slipway applies the migrations itself, so that a start is never a half-migrated schema",
    "LITELLM_LOCAL_MODEL_COST_MAP": "no price list from the internet at every start",
    "LITELLM_WORKER_STARTUP_HOOKS": "what Slipway adds inside the gateway's process",
    "LITELLM_MODE": "LiteLLM reads no .env file of the folder that it starts in",
    "LITELLM_LOG": "warnings and errors only: a line per request would cost more than the request",
}


def prisma_environment(folder: str) -> dict[str, str]:
    """What has prisma-client-py use the query engine in `folder`, and fetch nothing: at build time and at run time."""
    return {
        "PRISMA_QUERY_ENGINE_BINARY": f"{folder}/query_engine.mjs",
        "PRISMA_CLI_QUERY_ENGINE_TYPE": "binary",
        # the `prisma` package from npm is installed there too
        "PRISMA_BINARY_CACHE_DIR": folder,
        # migrations are Slipway's own; without a name here, Prisma would download its engine for them
        "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/false",
        "CHECKPOINT_DISABLE": "1",
    }


SECRETS = ("LITELLM_MASTER_KEY", "VLLM_API_KEY", "DATABASE_URL")


def template_values(plan: Plan) -> dict[str, object]:
    """The names that litellm_config.template.yaml may use."""
    return {
        "plan": plan,
        "routes": [
            {
                "name": route.name,
                "model": f"hosted_vllm/{route.served_name}",
                "api_base": route.api_base,
                "defaults": dict(route.defaults),
            }
            for route in plan.gateway.routes
        ],
    }


def build_argv(executable: str, gateway: GatewayPlan, config: str) -> tuple[str, ...]:
    """The proxy's command; `config` is the path of the rendered config.yaml."""
    return (executable, "--config", config, "--host", gateway.host, "--port", str(gateway.port))
