"""Runs inside LiteLLM: fits each request to its engine before it is routed; `fitting.py` knows how."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from slipway.gateway.deployments import engine_of
from slipway.gateway.engine_questions import ask
from slipway.gateway.fitting import ANSWER_NAMES, Lengths, drop_attribution, lower_longest_answer

_SECONDS = 5.0  # for the engine's answer
_REMEMBERED = 256  # names; with the route claude-* clients may make up any number of them


class Fitting(CustomLogger):  # type: ignore[misc]  # litellm is not installed where types are checked
    """`find` gives the lengths of a model by the name that the client used."""

    def __init__(self, find: Callable[[str], Awaitable[Lengths]]) -> None:
        super().__init__()
        self._find = find
        self._known: dict[str, Lengths] = {}
        self._asked: dict[str, asyncio.Future[Lengths]] = {}  # requests that come together ask once

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> dict[str, Any]:
        if call_type == "anthropic_messages":
            drop_attribution(data)
        if call_type in ANSWER_NAMES:
            lower_longest_answer(data, ANSWER_NAMES[call_type], await self._lengths(str(data.get("model", ""))))
        return data

    async def _lengths(self, model: str) -> Lengths:
        if model not in self._known:
            if model not in self._asked:
                self._asked[model] = asyncio.ensure_future(self._find(model))
                self._asked[model].add_done_callback(lambda _: self._asked.pop(model))
            found = await asyncio.shield(self._asked[model])
            if not found.context:
                return found  # the engine is not there yet
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[model] = found
        return self._known[model]


async def find_lengths(model: str) -> Lengths:
    """Ask the router which engine serves a model, and that engine how long its context is."""
    from litellm.proxy import proxy_server

    try:
        deployment = await proxy_server.llm_router.async_get_available_deployment(model=model, request_kwargs={})
        engine = engine_of(deployment)
        _, answer = await ask(f"{engine.base}/models", engine.key, None, _SECONDS)
        models = answer["data"]
    except Exception:  # an unknown model or an absent engine: the request itself will say so, better than this could
        return Lengths(0, 0)
    return Lengths(max(int(item.get("max_model_len") or 0) for item in models), int(deployment["litellm_params"].get("max_tokens") or 0))


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    import litellm

    litellm.callbacks.append(Fitting(find_lengths))
