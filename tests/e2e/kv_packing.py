"""Packs the linear layers of a saved model the way quantization tools write them, with random values; runs with the engine's Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

_GROUP = 32
_HALF, _INT = torch.float16, torch.int32

# what config.json says of each packing
CONFIGS: dict[str, dict[str, Any]] = {
    "awq": {"quant_method": "awq", "bits": 4, "group_size": _GROUP, "zero_point": True, "version": "gemm"},
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": _GROUP, "sym": True, "desc_act": False},
    "w4a16": {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "ignore": ["lm_head"],
        "config_groups": {
            "group_0": {
                "targets": ["Linear"],
                "weights": {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": _GROUP},
            }
        },
    },
}


def pack_model(folder: Path, packing: str) -> None:
    """Replace the weights of every linear layer but the head, and say so in config.json."""
    tensors = load_file(folder / "model.safetensors")
    for name in [name for name in tensors if name.endswith("proj.weight")]:
        rows, columns = tensors.pop(name).shape
        tensors |= {f"{name.removesuffix('.weight')}.{part}": value for part, value in _packed(packing, rows, columns).items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": CONFIGS[packing]}))


def _packed(packing: str, rows: int, columns: int) -> dict[str, torch.Tensor]:
    """The tensors of a layer with `columns` inputs and `rows` outputs."""
    groups = columns // _GROUP

    def words(*shape: int) -> torch.Tensor:
        return torch.randint(0, 2**31 - 1, shape, dtype=_INT)

    if packing == "awq":
        return {"qweight": words(columns, rows // 8), "qzeros": words(groups, rows // 8), "scales": torch.ones(groups, rows, dtype=_HALF)}
    if packing == "gptq":
        index = torch.arange(columns, dtype=_INT) // _GROUP
        zeros = words(groups, rows // 8)
        return {"qweight": words(columns // 8, rows), "qzeros": zeros, "scales": torch.ones(groups, rows, dtype=_HALF), "g_idx": index}
    scale = torch.ones(rows, groups, dtype=torch.bfloat16)
    return {"weight_packed": words(rows, columns // 8), "weight_scale": scale, "weight_shape": torch.tensor([rows, columns])}
