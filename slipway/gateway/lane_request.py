"""Runs inside LiteLLM: which requests the lane carries, and why not the others."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from slipway.gateway.lane_client import ClientWatch
from slipway.gateway.lane_protocol import PROVIDER, Protocol
from slipway.gateway.lane_witness import Witness

# Parameters with which LiteLLM does more than one call with one answer, beside those on its own list of what it takes for itself
_BEYOND = frozenset({
    "context_window_fallbacks", "content_policy_fallbacks", "guardrail_config", "policies", "mock_tool_calls", "mock_delay",
    "mock_testing_fallbacks", "mock_testing_context_fallbacks", "mock_testing_content_policy_fallbacks", "mock_testing_rate_limit_error",
    "base_url", "user_config", "priority", "extra_headers", "extra_body", "extra_query", "timeout", "success_callback", "failure_callback",
    "callbacks", "additional_drop_params", "drop_params", "thinking", "web_search_options", "modalities", "audio", "prediction",
    "functions", "function_call", "store", "deployment_id", "no_log", "agent_id", "router_settings_override", "include_fallback_errors",
    "disable_fallbacks", "cache_control_injection_points", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "verbosity",
})  # fmt: skip


@cache
def _for_litellm(protocol: Protocol) -> frozenset[str]:
    from litellm.types.utils import all_litellm_params

    return (_BEYOND | frozenset(all_litellm_params)) - protocol.takes


@cache
def _proxy() -> Any:
    from litellm.proxy import proxy_server

    return proxy_server


@dataclass
class Passage:
    """What the lane knows of one request: `send` is the server's own, past every middleware."""

    protocol: Protocol
    send: Callable[[Any], Awaitable[None]]
    reason: str = ""
    hit: bool = False
    by_precedent: bool = False
    model: str = ""  # as the client wrote it
    deployments: Sequence[Mapping[str, Any]] = ()  # of that route
    wants_usage: bool = False  # at the end of a stream
    stream: Any = None
    witness: Witness | None = None  # of what LiteLLM makes of it
    followed: Any = None  # the call that has followed a precedent, where LiteLLM is to open its account only now
    account: Any = None  # which it then has
    watch: ClientWatch | None = None  # for the client's going away

    def pass_on(self, reason: str) -> None:
        self.reason = reason

    @property
    def verdict(self) -> str:
        """The value of x-slipway-lane."""
        if self.hit:
            return "hit; by precedent" if self.by_precedent else "hit"
        return f"pass; {self.reason or 'refused before the engine was asked'}"


def why_not(passage: Passage, data: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Why a request goes through LiteLLM, as far as its parsed body and LiteLLM's configuration tell; empty: it may take the lane."""
    model, router = data.get("model"), _proxy().llm_router
    if isinstance(model, str):
        passage.model = model
        passage.deployments = (router and router.get_model_list(model_name=model)) or ()
    if any(name.startswith(b"x-litellm-") and name not in _HARMLESS for name, _ in headers):
        return "a header that steers LiteLLM"
    beyond = _for_litellm(passage.protocol)
    first = min((name for name in data if name in beyond), default=None)
    if first:
        return f"parameter {first}"
    if not isinstance(model, str):
        return "no model"
    reason = passage.protocol.why_not(data)
    if reason:
        return reason
    passage.wants_usage = passage.protocol.wants_usage(data)
    return _configuration(passage)


_HARMLESS = {b"x-litellm-api-key", b"x-litellm-call-id", b"x-litellm-end-user-id", b"x-litellm-customer-id"}


def _configuration(passage: Passage) -> str:
    import litellm

    router, settings = _proxy().llm_router, _proxy().general_settings
    if not passage.deployments:
        return "not a route of this gateway"
    if any(item["litellm_params"]["model"].partition("/")[0] != PROVIDER for item in passage.deployments):
        return "a route with another provider"
    if router.fallbacks or router.context_window_fallbacks or router.content_policy_fallbacks or router.num_retries:
        return "fallbacks or retries"
    if litellm.cache is not None or router.cache_responses:
        return "caching"
    if settings.get("always_include_stream_usage") or litellm.include_cost_in_streaming_usage:
        return "what LiteLLM adds to the end of streams"
    if settings.get("store_prompts_in_spend_logs"):
        return "spend logs with the text"
    foreign = _foreign_among(tuple(_callbacks()))
    return f"callback {foreign}" if foreign else ""


def _callbacks() -> Iterable[Any]:
    import litellm

    return itertools.chain(litellm.callbacks, litellm.success_callback, litellm._async_success_callback, litellm.input_callback)


def counting_callback() -> str:
    """A callback of LiteLLM's that counts each request, beside its spend rows; empty: none."""
    named = (item if isinstance(item, str) else type(item).__module__ for item in _callbacks())
    return next((name for name in named if "prometheus" in name), "")


# LiteLLM's own bookkeeping, which wants numbers; any other integration may want the answer's text
_OWN = ("litellm.proxy.hooks.", "litellm.router", "litellm._service_logger", "litellm.integrations.shadow_eval_logger",
        "litellm.integrations.prometheus", "slipway.")  # fmt: skip


@lru_cache(maxsize=8)
def _foreign_among(callbacks: tuple[Any, ...]) -> str:
    return next((name for name in map(_foreign, callbacks) if name), "")


def _foreign(callback: Any) -> str:
    """The name of a callback that may want the text of an answer; empty for LiteLLM's bookkeeping."""
    if isinstance(callback, str):
        return "" if callback == "prometheus" else callback
    owner = callback if hasattr(callback, "__qualname__") else type(callback)
    return "" if owner.__module__.startswith(_OWN) else str(owner.__qualname__)
