"""Runs with the gateway's Python, which has OpenAI's SDK: where each name that its packages hand on is from; prints it.

python -m tests.integration.sdk_names FOLDER   # FOLDER: of the sitecustomize.py that the parts have, or of none
"""

import importlib
import json
import pkgutil
import sys
from types import ModuleType
from typing import Any

if sys.argv[1]:
    sys.path.insert(0, sys.argv[1])
    importlib.import_module("sitecustomize")
import openai.resources
import openai.types

loaded = sum(name.startswith("openai.") for name in sys.modules)


def names(package: Any) -> dict[str, str]:
    """Name with its package's -> what it is: a class or function of a module, or another object."""
    found = getattr(package, "__all__", None) or [name for name in vars(package) if not name.startswith("_") and name != "annotations"]
    values = {name: getattr(package, name) for name in found}
    return {f"{package.__name__}.{name}": told(value) for name, value in values.items() if not isinstance(value, ModuleType)}


def told(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}" if hasattr(value, "__qualname__") else repr(value)


everything: dict[str, str] = {}
for root in (openai.types, openai.resources):
    inner = [found.name for found in pkgutil.walk_packages(root.__path__, f"{root.__name__}.") if found.ispkg]
    for name in [root.__name__, *inner]:
        everything |= names(importlib.import_module(name))
sys.stdout.write(json.dumps({"loaded": loaded, "names": everything}))
