"""Runs with the engine's Python: makes small models with random weights and lets vLLM size its KV cache for each.

Reads cases from standard input, writes one JSON object for each to standard output. Every case goes through the steps of
a real start, in one process: vLLM's argument classes, its engine core, a worker, the weights read from safetensors files,
the cache sized and allocated. No request is served.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}

import torch
import transformers
from vllm.distributed.parallel_state import cleanup_dist_env_and_memory
from vllm.engine.arg_utils import EngineArgs
from vllm.model_executor.models.registry import ModelRegistry
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.core import EngineCore
from vllm.v1.executor import multiproc_executor
from vllm.v1.executor.multiproc_executor import MultiprocExecutor
from vllm.v1.executor.uniproc_executor import UniProcExecutor

from tests.e2e.kv_packing import pack_model


def tidy_shared_memory() -> Callable[[], None]:
    """Gives what removes the shared memory of workers that have gone: vLLM's CPU communicator leaves it behind."""
    made: list[str] = []
    make = multiproc_executor.get_file_store_init_method

    def remember() -> str:
        made.append(make())
        return made[-1]

    multiproc_executor.get_file_store_init_method = remember

    def tidy() -> None:
        for path in (path for method in made for path in Path("/dev/shm").glob(f"{Path(method).name}*")):
            path.unlink()

    return tidy


def stand_in_for_torchvision() -> None:
    """vLLM's Qwen3.5 module imports image processors, which want it at once; no case here has a picture."""
    if importlib.util.find_spec("torchvision") is not None:
        return

    def part(name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})

    transformers.utils.is_torchvision_available()  # remembers that it is not there
    for name in (
        "torchvision",
        "torchvision.transforms",
        "torchvision.transforms.v2",
        "torchvision.transforms.v2.functional",
        "torchvision.io",
    ):
        module = types.ModuleType(name)
        module.__dict__.update({"__path__": [], "__getattr__": part, "__spec__": importlib.util.spec_from_loader(name, loader=None)})
        sys.modules[name] = module


def make_model(case: dict[str, Any], folder: Path) -> None:
    """A model of the case's configuration with random weights, saved as transformers saves one."""
    torch.manual_seed(0)
    config = getattr(transformers, case["config_class"])(**case["config"])
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    if case["packing"]:
        pack_model(folder, case["packing"])


# the class of a model's own draft head
_DRAFTS = {"DeepseekV3ForCausalLM": "DeepSeekMTPModel", "Qwen3NextForCausalLM": "Qwen3NextMTP"}


def know_class(folder: Path) -> None:
    """Register the model's classes themselves, so that vLLM does not start a process to look at each."""
    names = json.loads((folder / "config.json").read_text())["architectures"]
    for name in (*names, *(_DRAFTS[name] for name in names if name in _DRAFTS)):
        entry = ModelRegistry.models.get(name)
        if entry is not None and hasattr(entry, "load_model_cls"):
            ModelRegistry.register_model(name, entry.load_model_cls())


def size_cache(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What vLLM reports for the model in `folder`: the numbers of its log line."""
    arguments = EngineArgs(
        model=str(folder), skip_tokenizer_init=True, enforce_eager=True, kv_cache_memory_bytes=case["memory"], **case["flags"]
    )
    config = arguments.create_engine_config(UsageContext.OPENAI_API_SERVER)
    executor = UniProcExecutor if config.parallel_config.world_size == 1 else MultiprocExecutor
    core = EngineCore(config, executor, log_stats=False)
    try:
        cache = config.cache_config
        return {
            "tokens": cache.kv_cache_size_tokens,
            "concurrency": cache.kv_cache_max_concurrency,
            "blocks": cache.num_gpu_blocks,
            "longest": config.model_config.max_model_len,
            "architecture": config.model_config.architecture,
        }
    finally:
        core.shutdown()
        cleanup_dist_env_and_memory()


def main() -> None:
    root = Path(sys.argv[1])
    stand_in_for_torchvision()
    tidy = tidy_shared_memory()
    for case in json.load(sys.stdin):
        folder, began = root / case["name"], time.monotonic()
        try:
            make_model(case, folder)
            know_class(folder)
            answer = size_cache(case, folder)
        except Exception:
            answer = {"error": traceback.format_exc()}
        sys.stdout.write(json.dumps({"name": case["name"], "seconds": round(time.monotonic() - began, 1), **answer}) + "\n")
        sys.stdout.flush()
    tidy()


if __name__ == "__main__":
    main()
