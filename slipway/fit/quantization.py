"""How many bytes a matrix takes in a quantized checkpoint: packed weights, their scales, and what stays as it was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.fit.cache import ceil_div
from slipway.fit.config import NoFacts
from slipway.fit.parameters import Matrix

DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "half": 2, "float": 4, "fp32": 4, "bf16": 2, "fp16": 2, "float8_e4m3fn": 1}


class UnknownQuantization(NoFacts):
    """The checkpoint is packed in a way that is not known here."""


_EXPERTS = (re.compile(r"\.experts\."),)


@dataclass(frozen=True)
class Packing:
    """`bits` for each weight; one scale of `scale` bytes for `group` inputs (0: all of a row) of `rows` outputs (0: all).

    `zero` is the bits of a zero point for each group, `index` the bytes of a group number for each input (GPTQ).
    """

    name: str
    bits: int
    group: int = 0
    rows: int = 1
    scale: int = 0
    zero: int = 0
    index: int = 0

    def bytes(self, matrix: Matrix) -> float:
        """Bytes of all copies of `matrix`, without its bias."""
        groups = ceil_div(matrix.columns, self.group or matrix.columns)
        scaled = groups * ceil_div(matrix.rows, self.rows or matrix.rows)
        each = matrix.rows * matrix.columns * self.bits / 8 + scaled * self.scale
        return matrix.copies * (each + groups * matrix.rows * self.zero / 8 + matrix.columns * self.index)


@dataclass(frozen=True)
class Quantization:
    """Which matrices are packed how. `kept` names those that are not; `only` the ones that `packing` is for (empty: all linear ones).

    `rest` packs the other linear ones, where a checkpoint has two packings.
    """

    packing: Packing
    kept: tuple[re.Pattern[str], ...] = ()
    only: tuple[re.Pattern[str], ...] = ()
    rest: Packing | None = None
    kv_fp8: bool = False  # the checkpoint asks for an fp8 KV cache

    def packs(self, matrix: Matrix) -> bool:
        return self.packing_of(matrix) is not None

    def packing_of(self, matrix: Matrix) -> Packing | None:
        """How `matrix` is packed; None for one that is as it was."""
        if not matrix.linear or matrix.name == "lm_head" or any(pattern.search(matrix.name) for pattern in self.kept):
            return None
        meant = not self.only or any(pattern.search(matrix.name) for pattern in self.only)
        return self.packing if meant else self.rest


def matrix_bytes(matrix: Matrix, dtype: str, quantization: Quantization | None) -> float:
    """Bytes of `matrix` in a checkpoint of `dtype`, quantized or not."""
    plain = DTYPE_BYTES.get(dtype, 2)
    packing = quantization.packing_of(matrix) if quantization else None
    if packing is None:
        return matrix.parameters * plain
    return packing.bytes(matrix) + (matrix.copies * matrix.rows * plain if matrix.bias else 0)


def read_quantization(config: Mapping[str, Any]) -> Quantization | None:
    """From the `quantization_config` of a config.json (or `compression_config`, or hf_quant_config.json's `quantization`).

    Gives None for a checkpoint that is not quantized. Raises UnknownQuantization.
    """
    given = config.get("quantization_config") or config.get("compression_config")
    for section in ("text_config", "language_config"):
        part = config.get(section)
        if not given and isinstance(part, Mapping):
            given = part.get("quantization_config")
    if not isinstance(given, Mapping) or not given:
        return None
    inner = given.get("quantization")
    if isinstance(inner, Mapping):
        given = {**given, **inner}
    packing, kept, only, fp8 = _packing(given), _kept(given), _only(given), _asks_for_fp8_cache(given)
    if str(config.get("expert_dtype") or "").lower() == "fp4":
        # DeepSeek V4: FP8, and FP4 experts (vllm/models/deepseek_v4/quant_config.py)
        return Quantization(Packing("MXFP4", 4, 32, 1, 1), kept, _EXPERTS, packing, fp8)
    return Quantization(packing, kept, only, kv_fp8=fp8)


def _packing(given: Mapping[str, Any]) -> Packing:
    method = str(given.get("quant_method") or given.get("quant_algo") or "").lower().replace("_", "-")
    algorithm = str(given.get("quant_algo") or "").upper()
    if method in ("fp8", "deepseek-v4-fp8"):
        block = given.get("weight_block_size")
        return Packing("FP8", 8, block[1], block[0], 4) if block else Packing("FP8", 8, 0, 0, 4)
    if method in ("mxfp4", "gpt-oss-mxfp4"):
        return Packing("MXFP4", 4, 32, 1, 1)
    if method in ("awq", "awq-marlin"):
        return Packing("AWQ", int(given.get("bits", 4)), int(given.get("group_size", 128)), 1, 2, int(given.get("bits", 4)))
    if method in ("gptq", "gptq-marlin"):
        bits = int(given.get("bits", 4))
        return Packing("GPTQ", bits, max(int(given.get("group_size", 128)), 0), 1, 2, bits, index=4)
    if method == "compressed-tensors":
        return _compressed_tensors(given)
    if "NVFP4" in algorithm or "nvfp4" in method or method == "modelopt-fp4":
        return Packing("NVFP4", 4, int(given.get("group_size") or 16), 1, 1)
    if "FP8" in algorithm or method == "modelopt":
        return Packing("FP8", 8, 0, 0, 4)
    raise UnknownQuantization(f"quantization {given.get('quant_method') or given.get('quant_algo')!r}")


def _compressed_tensors(given: Mapping[str, Any]) -> Packing:
    groups = given.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    if not isinstance(weights, Mapping):
        raise UnknownQuantization("compressed-tensors without config_groups")
    bits, kind = int(weights.get("num_bits", 8)), str(weights.get("type", "int"))
    strategy, group = str(weights.get("strategy", "")), int(weights.get("group_size") or 0)
    if bits == 4 and kind == "float":
        return Packing("MXFP4", 4, 32, 1, 1) if group == 32 else Packing("NVFP4", 4, 16, 1, 1)
    name = f"{'FP' if kind == 'float' else 'INT'}{bits}"
    if strategy == "block":
        block = weights.get("block_structure") or [128, 128]
        return Packing(name, bits, int(block[1]), int(block[0]), 4)
    if strategy in ("tensor", ""):
        return Packing(name, bits, 0, 0, 4)
    return Packing(name, bits, max(group, 0), 1, 2, 0 if weights.get("symmetric", True) else bits)


def _kept(given: Mapping[str, Any]) -> tuple[re.Pattern[str], ...]:
    names: list[str] = []
    for key in ("modules_to_not_convert", "ignore", "exclude_modules", "ignored_layers"):
        value = given.get(key)
        if isinstance(value, (list, tuple)):
            names += [str(name) for name in value]
    return tuple(_pattern(name) for name in names)


def _only(given: Mapping[str, Any]) -> tuple[re.Pattern[str], ...]:
    method = str(given.get("quant_method") or "").lower()
    if "mxfp4" in method:
        # vLLM's MXFP4 layers are the experts only (quantization/mxfp4.py)
        return _EXPERTS
    groups = given.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    targets: Iterable[Any] = (first.get("targets") or ()) if isinstance(first, Mapping) else ()
    return tuple(_pattern(str(target)) for target in targets if str(target) not in ("Linear", "FusedMoE"))


def _pattern(name: str) -> re.Pattern[str]:
    """A regular expression for `re:…`, a wildcard pattern, a whole name or a part of one; multimodal prefixes do not count."""
    if name.startswith("re:"):
        return re.compile(_plain(name[3:]))
    if "*" in name:
        return re.compile("^" + re.escape(_plain(name)).replace(r"\*", ".*"))
    plain = _plain(name)
    return re.compile(rf"(^|\.){re.escape(plain)}($|\.)")


def _plain(name: str) -> str:
    plain = name.replace("model.language_model.", "model.").replace("language_model.model.", "model.").replace("language_model.", "")
    return plain.replace("shared_expert.", "shared_experts.").replace("block_sparse_moe", "mlp").replace("mixer.experts", "mlp.experts")


def _asks_for_fp8_cache(given: Mapping[str, Any]) -> bool:
    scheme = given.get("kv_cache_scheme")
    if isinstance(scheme, Mapping):
        return scheme.get("num_bits") == 8
    return str(given.get("kv_cache_quant_algo") or "").upper() == "FP8"
