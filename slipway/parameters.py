"""What a model file's `litellm:` section may hold beyond the settings: parameters of the pinned LiteLLM and of vLLM's requests.

The names and types come from schemas that scripts/dump_gateway_schema.py and scripts/dump_engine_schema.py write.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from slipway.layers import PARAMETER_PREFIX
from slipway.settings import BY_RECIPE_KEY
from slipway.typed_values import Alternatives, check_value

_FOLDER = Path(__file__).parent
_GATEWAY = "gateway/schemas/litellm-1.106.2.json"
_ENGINE = "engines/schemas/vllm-0.32.0.json"

# LiteLLM takes these too, but they are Slipway's to set, or have a setting.
_OWNED = {
    "api_base": "Slipway sets it itself",
    "api_key": "Slipway sets it itself",
    "api_version": "it does nothing for vLLM",
    "custom_llm_provider": "Slipway sets it itself",
    "litellm_credential_name": "Slipway sets it itself",
    "max_parallel_requests": "set MAX_PARALLEL_REQUESTS",
    "model": "Slipway sets it itself",
    "num_retries": "Slipway sets it itself",
}
# What belongs to one request and can be no default for all.
_PER_REQUEST = frozenset({
    "audio", "documents", "function_call", "functions", "messages", "prediction", "request_id", "stream", "stream_options", "tool_choice",
    "tools", "user",
})  # fmt: skip


@cache
def parameter_types() -> dict[str, Alternatives]:
    """Every parameter with its type: of LiteLLM's deployments, of OpenAI's API as far as LiteLLM hands it on, and of vLLM's requests."""
    gateway = json.loads((_FOLDER / _GATEWAY).read_text(encoding="utf-8"))
    request = json.loads((_FOLDER / _ENGINE).read_text(encoding="utf-8"))["request"]
    openai = {name: request.get(name, ["any"]) for name in gateway["openai"]}
    known = {**request, **openai, **gateway["deployment"]}
    return {name: types for name, types in known.items() if name not in _OWNED and name not in _PER_REQUEST}


def parse_parameter(key: str, raw: object) -> str | None:
    """A parameter's value as JSON text; None for none. Raises ValueError, to follow the key, for one that LiteLLM does not take."""
    if key in _OWNED or key in _PER_REQUEST:
        raise ValueError(f"cannot be set here: {_OWNED.get(key, 'it belongs to a request, and is no default for all of them')}")
    types = parameter_types().get(key)
    if types is None:
        raise ValueError("is no parameter of LiteLLM or of vLLM's requests")
    if raw is None or raw == "":
        return None
    try:
        text = json.dumps(raw, allow_nan=False)
    except (TypeError, ValueError):
        raise ValueError(f"must be a plain value, not {raw!r}") from None
    for problem in check_value(types, raw, {}, ""):
        raise ValueError(problem.strip())
    return text


def is_known(key: str) -> bool:
    """Whether a key means anything in the section, allowed or not."""
    return key in BY_RECIPE_KEY or key in _OWNED or key in _PER_REQUEST or key in parameter_types()


def layer_key(key: str) -> str:
    """The name of a section's key in the name space of the layers."""
    return BY_RECIPE_KEY[key].name if key in BY_RECIPE_KEY else f"{PARAMETER_PREFIX}{key}"
