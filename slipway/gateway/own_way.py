"""Runs inside LiteLLM: what LiteLLM needs only where it serves a request itself is loaded in a thread, when the first such request begins.

Within that request, every stream would wait for it: 0.2 s for the tokenizer, 0.4 s for the 450 modules of the OpenAI SDK, with which
LiteLLM makes text completions. Loaded before, it would take 39 MB of each worker, most of which never need it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from slipway.gateway.heap import lasting
from slipway.gateway.tokenizer import TOKENIZER


async def prepare(with_sdk: bool) -> None:
    """Returns when LiteLLM has what it needs, to make a call itself, with the OpenAI SDK or without."""
    for load in (_tokenizer, _sdk) if with_sdk else (_tokenizer,):
        # what fails here fails in the request too, where LiteLLM says so
        with suppress(Exception):
            await asyncio.shield(_loading(load))  # which other requests may await too


def has_begun() -> bool:
    """Whether LiteLLM has served a request itself."""
    return bool(_loading.cache_info().currsize)


@cache
def _loading(load: Callable[[], None]) -> asyncio.Future[None]:
    return asyncio.ensure_future(asyncio.to_thread(load))


def _tokenizer() -> None:
    TOKENIZER.read  # noqa: B018


def _sdk() -> None:
    """Its parts come with the first client that asks for them."""
    with lasting():
        from openai import AsyncOpenAI

        AsyncOpenAI(api_key="none", base_url="http://127.0.0.1").completions.with_raw_response  # noqa: B018
