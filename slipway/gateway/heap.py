"""Runs inside LiteLLM: what Python's garbage collector and the C library do with the worker's memory."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def lasting() -> Iterator[None]:
    """What is made meanwhile stays: the collector does not look through it, then or later, which would hold the event loop for 0.2 s."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def give_memory_back() -> None:
    """What has been freed goes back to the system."""
    with suppress(AttributeError):  # musl has no such function
        ctypes.CDLL(None).malloc_trim(0)
