"""Runs inside LiteLLM: tokens are counted by the engine's own tokenizer and chat template, not guessed."""

from __future__ import annotations

from typing import Any

from litellm.llms.base_llm.base_utils import BaseTokenCounter
from litellm.llms.vllm.common_utils import VLLMModelInfo
from litellm.types.utils import TokenCountResponse

from slipway.gateway.engine_questions import ask

_SECONDS = 60.0  # a count waits behind the prompts that the engine tokenizes


class EngineTokenCounter(BaseTokenCounter):  # type: ignore[misc]  # litellm is not installed where types are checked
    """LiteLLM asks this for what it calls `hosted_vllm`, which has no counter of its own (litellm#29764)."""

    def should_use_token_counting_api(self, custom_llm_provider: str | None = None) -> bool:
        return True

    async def count_tokens(
        self,
        model_to_use: str,
        messages: list[dict[str, Any]] | None,
        contents: list[dict[str, Any]] | None,
        deployment: dict[str, Any] | None = None,
        request_model: str = "",
        tools: list[dict[str, Any]] | None = None,
        system: Any | None = None,
        messages_format: str = "openai",
        output_format: Any = None,
    ) -> Any:
        """The engine's count, or its refusal; None (LiteLLM then estimates) for what is no chat."""
        if not messages or deployment is None:
            return None
        engine = deployment["litellm_params"]
        root = engine["api_base"].removesuffix("/v1")
        anthropic = messages_format == "anthropic"
        body = {"model": model_to_use, "messages": messages, "tools": tools, "system": system if anthropic else None}
        url = f"{root}/v1/messages/count_tokens" if anthropic else f"{root}/tokenize"
        status, found = await ask(url, engine["api_key"], {name: value for name, value in body.items() if value}, _SECONDS)
        if status != 200:
            return TokenCountResponse(
                total_tokens=0,
                request_model=request_model,
                model_used=model_to_use,
                tokenizer_type="vllm",
                error=True,
                error_message=str(found.get("error", {}).get("message", found)),
                status_code=status,
            )
        return TokenCountResponse(
            total_tokens=found["input_tokens" if anthropic else "count"],
            request_model=request_model,
            model_used=model_to_use,
            tokenizer_type="vllm",
        )


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    VLLMModelInfo.get_token_counter = lambda self: EngineTokenCounter()
