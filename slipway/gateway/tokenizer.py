"""Runs inside LiteLLM: its tokenizer is read when there is text to count with it.

It is another model's, and takes 40 MB and 0.2 s to read. LiteLLM hands it on with each request that it serves itself, and counts
empty texts with it; the engine counts the others. What is left are estimates of answers that LiteLLM serves itself.
"""

from __future__ import annotations

import importlib
from functools import cached_property
from typing import Any

import tiktoken
from tiktoken import registry


class Tokenizer:
    """Stands for the one of that name."""

    name = "cl100k_base"

    def encode(self, text: str, **options: Any) -> list[int]:
        found: list[int] = self._read.encode(text, **options) if text else []
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._read, name)

    @cached_property
    def _read(self) -> Any:
        if registry.ENCODINGS.get(self.name) is self:
            del registry.ENCODINGS[self.name]
        return tiktoken.get_encoding(self.name)


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    registry.ENCODINGS[Tokenizer.name] = Tokenizer()
    importlib.import_module("litellm.litellm_core_utils.default_encoding")  # says where tiktoken finds its file
