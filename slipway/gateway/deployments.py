"""What Slipway reads of a deployment, as LiteLLM's router has it: a mapping with `litellm_params` and `model_info`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Engine:
    """Where a deployment's engine is: base URL with /v1, API key, and its own name for the model."""

    base: str
    key: str
    model: str

    @property
    def root(self) -> str:
        return self.base.removesuffix("/v1")


def engine_of(deployment: Mapping[str, Any]) -> Engine:
    params = deployment["litellm_params"]
    return Engine(params["api_base"].rstrip("/"), params.get("api_key") or "", params["model"].partition("/")[2])


def id_of(deployment: Mapping[str, Any]) -> str:
    return str(deployment["model_info"]["id"])
