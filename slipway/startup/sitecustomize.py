"""Python imports this by itself, in every process of a part, because the part's script puts this folder on PYTHONPATH.

LiteLLM and vLLM create millions of objects while they import, and keep them: with Python's default thresholds, more than
a quarter of LiteLLM's import time goes into looking for garbage that is not there, and vLLM imports itself three times.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

gc.set_threshold(50_000, 20, 20)

# LiteLLM imports it, and numpy with it, to measure recordings on their way to AWS: 10 MB that wait until something is asked of it
_LATER = ("soundfile",)


# the command line of httpx, 80 modules of colours and tables that no server needs; httpx does without where it is not installed
_NEVER = ("httpx._main",)


class _Later:
    """Finds modules that are loaded at their first use."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name in _LATER else None
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec


sys.meta_path.insert(0, _Later)
for name in _NEVER:
    sys.modules[name] = None  # type: ignore[assignment]  # what Python raises ImportError for
