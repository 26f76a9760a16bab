"""Runs inside LiteLLM: lets a route's sampling defaults reach the engine on /v1/responses too.

On that path LiteLLM sends on only what OpenAI's Responses API knows, and drops the rest of what it has merged for the
call: top_k, min_p and the penalties, all of which vLLM understands there, and max_tokens, whose name is another.
"""

from __future__ import annotations

from typing import Any

from litellm.integrations.custom_logger import CustomLogger

_PASSED_ON = ("top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "chat_template_kwargs")


class ResponsesDefaults(CustomLogger):  # type: ignore[misc]  # litellm is not installed where types are checked
    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> dict[str, Any] | None:
        """`kwargs` holds the route's defaults already overridden by what the client sent."""
        if getattr(call_type, "value", call_type) not in ("aresponses", "responses"):
            return None
        extra = {name: kwargs[name] for name in _PASSED_ON if kwargs.get(name) is not None}
        if kwargs.get("max_output_tokens") is None and kwargs.get("max_tokens") is not None:
            extra["max_output_tokens"] = kwargs["max_tokens"]
        return {**kwargs, "extra_body": {**extra, **(kwargs.get("extra_body") or {})}}


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    import litellm

    litellm.callbacks.append(ResponsesDefaults())
