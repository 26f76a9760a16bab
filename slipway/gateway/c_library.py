"""Runs inside LiteLLM: what only the C library can do."""

from __future__ import annotations

import contextlib
import ctypes


def give_memory_back() -> None:
    """What has been freed goes back to the system."""
    with contextlib.suppress(AttributeError):  # musl has no such function
        ctypes.CDLL(None).malloc_trim(0)
