"""Runs inside LiteLLM: tokens are counted by the engine's own tokenizer and chat template, not guessed.

LiteLLM guesses with a tokenizer of another model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from litellm.llms.base_llm.base_utils import BaseTokenCounter
from litellm.llms.vllm.common_utils import VLLMModelInfo
from litellm.proxy import utils
from litellm.types.utils import TokenCountResponse

from slipway.gateway.deployments import engine_of
from slipway.gateway.engine_connections import EngineGone
from slipway.gateway.engine_questions import NO_COUNT, ask, count_tokens

_SECONDS = 60.0  # a count waits behind the prompts that the engine tokenizes
_FAILED_SECONDS = 10.0  # and so does the client, for its error, while the prompt of a request that failed is counted


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
        engine = engine_of(deployment)
        anthropic = messages_format == "anthropic"
        body = {"model": model_to_use, "messages": messages, "tools": tools, "system": system if anthropic else None}
        url = f"{engine.base}/messages/count_tokens" if anthropic else f"{engine.root}/tokenize"
        status, found = await ask(url, engine.key, {name: value for name, value in body.items() if value}, _SECONDS)
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


def _asking_the_engine(estimate: Callable[..., int], loop: asyncio.AbstractEventLoop) -> Callable[..., int]:
    """What LiteLLM writes down of a request that has failed, or whose client left before the answer began; it counts in a thread.

    An engine that is not there has read no prompt: 0.
    """

    def count_request_input_tokens(model: str, request_input: object, system_input: object) -> int:
        counted = asyncio.run_coroutine_threadsafe(_count(model, request_input, utils._system_prompt_text(system_input)), loop)
        try:
            return counted.result(_FAILED_SECONDS)
        except EngineGone:
            return 0
        except NO_COUNT:
            counted.cancel()
            return estimate(model=model, request_input=request_input, system_input=system_input)

    return count_request_input_tokens


async def _count(model: str, given: Any, system: str) -> int:
    """`model` is the engine's name for it. Raises NO_COUNT, also where no engine has the model."""
    from litellm.proxy import proxy_server

    engine = {engine.model: engine for engine in map(engine_of, proxy_server.llm_router.model_list)}[model]
    prompts: list[dict[str, Any]] = [{"text": system}] if system else []
    if isinstance(given, list) and given and all(isinstance(item, dict) and "role" in item for item in given):
        prompts.append({"messages": given})
    elif given:
        prompts.append({"text": given if isinstance(given, str) else json.dumps(given)})
    return sum([await count_tokens(engine, prompt, _FAILED_SECONDS) for prompt in prompts])


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    VLLMModelInfo.get_token_counter = lambda self: EngineTokenCounter()
    utils._count_request_input_tokens = _asking_the_engine(utils._count_request_input_tokens, asyncio.get_running_loop())
