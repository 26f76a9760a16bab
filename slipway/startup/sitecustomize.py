"""Python imports this by itself, in every process of a part, because the part's script puts this folder on PYTHONPATH.

LiteLLM and vLLM create millions of objects while they import, and keep them: with Python's default thresholds, more than
a quarter of LiteLLM's import time goes into looking for garbage that is not there, and vLLM imports itself three times.
"""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any

gc.set_threshold(50_000, 20, 20)

# LiteLLM imports it, and numpy with it, to measure recordings on their way to AWS: 10 MB that wait until something is asked of it
_LATER = ("soundfile",)
# packages of OpenAI's SDK that hand on the names of 1,300 modules, a class or two in each; LiteLLM and vLLM use a quarter of them
_HANDED_ON = ("openai.types", "openai.resources")
# the command line of httpx, 80 modules of colours and tables that no server needs; httpx does without where it is not installed
_NEVER = ("httpx._main",)


class _Later:
    """Finds modules that are loaded at their first use, and packages whose modules are."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in _LATER and not name.startswith(_HANDED_ON):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec and spec.loader and name in _LATER:
            spec.loader = LazyLoader(spec.loader)
        elif spec and spec.origin and spec.submodule_search_locations:
            spec.loader = _Package(name, spec.origin)
        return spec


class _Package(SourceFileLoader):
    """Loads a package; of one that only hands on what its modules define, each module when somebody asks for a name of it."""

    def exec_module(self, module: ModuleType) -> None:
        try:
            names = _handed_on(ast.parse(self.get_data(self.path)).body)
        except ValueError:
            super().exec_module(module)
            return

        def get(name: str) -> Any:
            if name not in names:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            source, original = names[name]
            found = getattr(import_module(source, module.__name__), original)
            setattr(module, name, found)
            return found

        vars(module).update(__getattr__=get, __all__=list(names))


def _handed_on(statements: Sequence[ast.stmt]) -> dict[str, tuple[str, str]]:
    """Each name, with its module and its name there. Raises ValueError for a package that does more, or has a name for two things."""
    names: dict[str, tuple[str, str]] = {}
    for statement in statements:
        match statement:
            case ast.ImportFrom(module=str(source), level=1):
                names |= {alias.asname or alias.name: (f".{source}", alias.name) for alias in statement.names}
            case ast.ImportFrom(module="__future__") | ast.Assign(targets=[ast.Name(id="__all__")]):
                pass
            case _:
                raise ValueError
    if "*" in names or names.keys() & {source.split(".")[1] for source, _ in names.values()}:
        raise ValueError
    return names


sys.meta_path.insert(0, _Later)
for name in _NEVER:
    sys.modules[name] = None  # type: ignore[assignment]  # what Python raises ImportError for
