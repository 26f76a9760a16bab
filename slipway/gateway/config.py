"""Plan → what the gateway's template needs, the gateway's command and its environment. Pure."""

from __future__ import annotations

from slipway.gateway.phase import VARIABLE as PHASE_FOLDER
from slipway.plan import GatewayPlan, Plan
from slipway.recipe import AGENT_ROUTE

# The modules that run inside LiteLLM, in the order in which they are installed.
HOOKS = ("outage", "responses", "counting", "fitting_hook", "once", "routes", "lane", "warm")

# The part of the gateway's environment that is the same wherever it runs.
ENVIRONMENT = {
    "DISABLE_SCHEMA_UPDATE": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_WORKER_STARTUP_HOOKS": ",".join(f"slipway.gateway.{name}:install" for name in HOOKS),
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "WARNING",
    "SPEND_LOG_WRITE_BATCH_MAX_ROWS": "30",
}

# Why each of them is there; `explain` shows it.
REASONS = {
    "DISABLE_SCHEMA_UPDATE": "Slipway applies the migrations itself, so that a start is never a half-migrated schema",
    "LITELLM_LOCAL_MODEL_COST_MAP": "no price list from the internet at every start",
    "LITELLM_WORKER_STARTUP_HOOKS": "what Slipway adds inside the gateway's process",
    "LITELLM_MODE": "LiteLLM reads no .env file of the folder that it starts in",
    "LITELLM_LOG": "warnings and errors only: a line per request would cost more than the request",
    "SPEND_LOG_WRITE_BATCH_MAX_ROWS": "a query of LiteLLM's 100 rows takes so long to write down that streams stand still meanwhile",
    "PYTHONPATH": "what Slipway adds inside the gateway's process, and a sitecustomize.py that makes imports quicker",
    "PRISMA_QUERY_ENGINE_BINARY": "the query engine as WebAssembly, in place of a program from Prisma's servers",
    "PRISMA_CLI_QUERY_ENGINE_TYPE": "the query engine is a program of its own",
    "PRISMA_BINARY_CACHE_DIR": "the `prisma` package from npm is installed there",
    "PRISMA_SCHEMA_ENGINE_BINARY": "migrations are Slipway's own; without a name here, Prisma would download its engine for them",
    "CHECKPOINT_DISABLE": "Prisma asks nobody for newer versions",
    PHASE_FOLDER: "where the engine's phase is read, for the answer while it is away",
}


def prisma_environment(folder: str) -> dict[str, str]:
    """What has prisma-client-py use the query engine in `folder`, and fetch nothing: at build time and at run time."""
    return {
        "PRISMA_QUERY_ENGINE_BINARY": f"{folder}/query_engine.mjs",
        "PRISMA_CLI_QUERY_ENGINE_TYPE": "binary",
        "PRISMA_BINARY_CACHE_DIR": folder,
        "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/false",
        "CHECKPOINT_DISABLE": "1",
    }


SECRETS = ("LITELLM_MASTER_KEY", "VLLM_API_KEY", "DATABASE_URL")


# What Claude Code asks for without any setting: sizes, and ids with dates and suffixes, whichever they are this year.
# LiteLLM takes a star in a route's name for any text.
CLAUDE_NAMES = tuple(f"{size}{suffix}" for size in ("opus", "sonnet", "haiku") for suffix in ("", "[1m]"))
CLAUDE_IDS = "claude-*"


def template_values(plan: Plan) -> dict[str, object]:
    """The names that litellm_config.template.yaml may use."""
    routes = [
        {
            "name": route.name,
            "model": f"hosted_vllm/{route.served_name}",
            "api_base": route.api_base,
            "defaults": dict(route.defaults),
        }
        for route in plan.gateway.routes
    ]
    names = {route.name for route in plan.gateway.routes}
    return {
        "plan": plan,
        "routes": [*routes, *({**route, "name": CLAUDE_IDS} for route in routes if route["name"] == AGENT_ROUTE)],
        "aliases": {name: AGENT_ROUTE for name in CLAUDE_NAMES if name not in names},
    }


def build_argv(executable: str, gateway: GatewayPlan, config: str) -> tuple[str, ...]:
    """The proxy's command; `config` is the path of the rendered config.yaml."""
    workers = ("--num_workers", str(gateway.workers)) if gateway.workers > 1 else ()
    return (executable, "--config", config, "--host", gateway.host, "--port", str(gateway.port), *workers)
