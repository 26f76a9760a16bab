"""What the engine is told that changes memory: vLLM's flags with the defaults it would fill in for a device."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.fit.cache import Request
from slipway.fit.devices import Device
from slipway.gpus import GIB
from slipway.settings import parse_size


@dataclass(frozen=True)
class EngineOptions:
    """The flags of `vllm serve` that memory depends on; 0 and None mean that vLLM decides. Lengths and batches in tokens."""

    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    data_parallel: int = 1
    expert_parallel: bool = False
    utilization: float = 0.92  # CacheConfig.gpu_memory_utilization
    cache_bytes: int = 0  # --kv-cache-memory-bytes; 0: as much as the utilization leaves
    cache_dtype: str = "auto"
    max_model_len: int = 0
    max_batched_tokens: int = 0
    max_sequences: int = 0
    block: int = 0
    prefix_caching: bool = True
    hybrid_manager: bool | None = None
    async_scheduling: bool | None = None
    eager: bool = False
    draft: str = ""  # method of --speculative-config
    draft_tokens: int = 0
    state_dtype: str = ""  # --mamba-cache-dtype
    ssm_dtype: str = ""  # --mamba-ssm-cache-dtype
    text_only: bool = False
    dtype: str = ""

    @property
    def gpus(self) -> int:
        return self.tensor_parallel * self.pipeline_parallel * self.data_parallel

    @property
    def uses_draft_head(self) -> bool:
        """Whether the model's own multi-token prediction layers are loaded."""
        return self.draft.endswith("mtp")

    def sequences(self, device: Device) -> int:
        """max_num_seqs as EngineArgs.get_batch_defaults fills it in for a server."""
        if self.max_sequences:
            return self.max_sequences
        if device.kind == "cpu":
            return 128 * self.tensor_parallel * self.pipeline_parallel
        return 1024 if device.memory >= 70 * GIB and not device.is_a100 else 256

    def batched_tokens(self, device: Device, length: int, *, chunked: bool = True) -> int:
        """max_num_batched_tokens, likewise; a model without chunked prefill takes a whole context at once."""
        if self.max_batched_tokens:
            return self.max_batched_tokens
        if device.kind == "cpu":
            tokens = 2048 * self.tensor_parallel * self.pipeline_parallel
        elif device.memory >= 160 * GIB:
            tokens = 16384
        else:
            tokens = 8192 if device.memory >= 70 * GIB and not device.is_a100 else 2048
        tokens = tokens if chunked else max(length, tokens)
        return min(tokens, self.sequences(device) * length)

    def request(self, device: Device, length: int, *, chunked: bool = True) -> Request:
        """A request of full length, with VllmConfig.max_in_flight_tokens: a batch for each stage, one more if scheduled ahead."""
        ahead = device.kind != "cpu" and self.async_scheduling is not False
        batches = self.pipeline_parallel + (1 if ahead else 0)
        return Request(length, batches * self.batched_tokens(device, length, chunked=chunked))


_NUMBERS = {
    "--tensor-parallel-size": "tensor_parallel",
    "--pipeline-parallel-size": "pipeline_parallel",
    "--data-parallel-size": "data_parallel",
    "--max-num-batched-tokens": "max_batched_tokens",
    "--max-num-seqs": "max_sequences",
    "--block-size": "block",
    "--kv-cache-memory-bytes": "cache_bytes",
    "--max-model-len": "max_model_len",
}
_TEXTS = {
    "--kv-cache-dtype": "cache_dtype",
    "--mamba-cache-dtype": "state_dtype",
    "--mamba-ssm-cache-dtype": "ssm_dtype",
    "--dtype": "dtype",
}
_SWITCHES = {
    "--enable-prefix-caching": "prefix_caching",
    "--async-scheduling": "async_scheduling",
    "--enforce-eager": "eager",
    "--enable-expert-parallel": "expert_parallel",
    "--language-model-only": "text_only",
}
_OPEN_LENGTHS = ("auto", "-1")


def read_options(flags: Mapping[str, str], environ: Mapping[str, str] | None = None) -> EngineOptions:
    """From flags by their long names (`--no-x` as written), each with its value as text. What does not parse counts as not given.

    `environ` is the engine's environment: on a CPU, VLLM_CPU_KVCACHE_SPACE gives the cache's size in GiB.
    """
    values: dict[str, Any] = {}
    for flag, field in _NUMBERS.items():
        number = _parse_count(flags.get(flag, ""))
        if number:
            values[field] = number
    values |= {field: flags[flag] for flag, field in _TEXTS.items() if flags.get(flag) and flags[flag] != "auto"}
    for flag, field in _SWITCHES.items():
        if flag in flags:
            values[field] = True
        elif f"--no-{flag[2:]}" in flags:
            values[field] = False
    if "--disable-hybrid-kv-cache-manager" in flags:
        values["hybrid_manager"] = False
    values |= _utilization(flags) | _speculation(flags)
    space = _parse_count((environ or {}).get("VLLM_CPU_KVCACHE_SPACE", ""))
    if space:
        values["cache_bytes"] = space * GIB
    return EngineOptions(**values)


def flag_values(tokens: Sequence[str]) -> dict[str, str]:
    """Flags of a command line, by long name: `-tp 2`, `--x=y`, `--x y` and `--switch` alike."""
    from slipway.flags import canonical_name

    values: dict[str, str] = {}
    name = ""
    for token in tokens:
        if token.startswith("-") and not token[1:2].isdigit():
            name = canonical_name(token)
            values[name] = token.partition("=")[2]
        elif name:
            values[name] = f"{values[name]} {token}".strip()
    return values


def _parse_count(text: str) -> int:
    if text.strip() in _OPEN_LENGTHS:
        return 0
    match = text.strip().lower()
    # vLLM reads 1k as 1000 and 1K as 1024 (vllm/engine/arg_utils.py, human_readable_int)
    decimal = {"k": 10**3, "m": 10**6, "g": 10**9}.get(text.strip()[-1:])
    try:
        if decimal and text.strip()[-1:].islower():
            return int(float(match[:-1]) * decimal)
        return parse_size(text)
    except ValueError:
        return 0


def _utilization(flags: Mapping[str, str]) -> dict[str, float]:
    try:
        value = float(flags.get("--gpu-memory-utilization", ""))
    except ValueError:
        return {}
    return {"utilization": value} if 0 < value <= 1 else {}


def _speculation(flags: Mapping[str, str]) -> dict[str, Any]:
    try:
        given = json.loads(flags.get("--speculative-config", ""))
    except ValueError:
        return {}
    if not isinstance(given, dict):
        return {}
    tokens = given.get("num_speculative_tokens")
    return {"draft": str(given.get("method") or "draft model"), "draft_tokens": tokens if isinstance(tokens, int) else 0}
