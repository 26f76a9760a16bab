"""Runs inside LiteLLM: its tokenizer is read when LiteLLM begins to serve a request itself, or when there is text to count with it.

It is another model's, and takes 30 MB and 0.2 s to read, half of which is one call of Rust that keeps Python's lock. LiteLLM hands it
on with each request, also with those that then find no engine, and counts empty texts with it; the engine counts the others. What is
left are estimates of answers that LiteLLM serves itself.
"""

from __future__ import annotations

import asyncio
import importlib
from contextlib import suppress
from functools import cache, cached_property
from typing import Any


class Tokenizer:
    """Stands for the one of that name."""

    name = "cl100k_base"

    def encode(self, text: str, **options: Any) -> list[int]:
        found: list[int] = self.read.encode(text, **options) if text else []
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.read, name)

    @cached_property
    def read(self) -> Any:
        import tiktoken
        from tiktoken.registry import ENCODINGS

        if ENCODINGS.get(self.name) is self:
            del ENCODINGS[self.name]
        found = tiktoken.get_encoding(self.name)
        found._mergeable_ranks = {}  # what it was made from, 15 MB
        return found


TOKENIZER = Tokenizer()


async def read_ahead() -> None:
    """Returns when it has been read, beside the loop: within a request that LiteLLM serves itself, every stream would wait for it."""
    # what fails here fails in the request too, where LiteLLM says so; other requests may await the same
    with suppress(Exception):
        await asyncio.shield(_reading())


@cache
def _reading() -> asyncio.Future[object]:
    return asyncio.ensure_future(asyncio.to_thread(lambda: TOKENIZER.read))


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    from tiktoken.registry import ENCODINGS

    ENCODINGS[Tokenizer.name] = TOKENIZER
    importlib.import_module("litellm.litellm_core_utils.default_encoding")  # says where tiktoken finds its file
