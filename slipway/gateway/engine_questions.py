"""Runs inside LiteLLM: short questions to an engine, over its kept connections: how long its context is, how many tokens a text has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from slipway.gateway.deployments import Engine
from slipway.gateway.engine_connections import ENGINES, EngineGone

# what `count_tokens` raises: the engine is away, takes too long, or refuses
NO_COUNT = (EngineGone, TimeoutError, ValueError, KeyError)


async def ask(url: str, key: str, body: Mapping[str, Any] | None, seconds: float) -> tuple[int, Any]:
    """Status and JSON of the answer to POST `body`, or to GET where there is none.

    Raises EngineGone, TimeoutError after `seconds`, and ValueError where the answer is no JSON.
    """
    async with asyncio.timeout(seconds):
        connection = await ENGINES.start(url, key, None if body is None else json.dumps(body).encode())
        try:
            text = await connection.read_all()
        except BaseException:
            connection.abort()
            raise
    status = connection.status
    ENGINES.give_back(url, connection)
    return status, json.loads(text)


async def count_tokens(engine: Engine, prompt: Mapping[str, Any], seconds: float) -> int:
    """The tokens of a chat's `messages` or of a `text` (one or several), as the engine counts them.

    Raises NO_COUNT.
    """
    texts = prompt.get("text", ())
    asked: list[dict[str, Any]] = (
        [{"messages": prompt["messages"]}]
        if "messages" in prompt
        else [{"prompt": text} for text in ([texts] if isinstance(texts, str) else texts)]
    )
    url = f"{engine.root}/tokenize"
    return sum([int((await ask(url, engine.key, {"model": engine.model, **part}, seconds))[1]["count"]) for part in asked])
