"""Parameters beside the language model: vision towers and projectors, counted from their own part of config.json."""

from __future__ import annotations

from typing import Any

from slipway.fit.config import ModelConfig


def count_extra(config: ModelConfig) -> int:
    """Parameters of the vision tower and its projector; 0 where there is none. An estimate within a few per cent of the tower."""
    vision = config.whole.get("vision_config")
    if not isinstance(vision, dict):
        return 0

    def number(*names: str, default: int = 0) -> int:
        value: Any = next((vision[name] for name in names if vision.get(name) is not None), default)
        return int(value[0] if isinstance(value, (list, tuple)) else value)

    width = number("hidden_size", "embed_dim", "vt_hidden_size")
    depth = number("num_hidden_layers", "depth", "vt_num_hidden_layers")
    inner = number("intermediate_size", "vt_intermediate_size", default=4 * width)
    if not width or not depth:
        return 0
    gated = str(vision.get("model_type", "")).startswith(("pixtral", "gemma4", "llama4_vision_gated"))
    layer = 4 * width * width + (3 if gated else 2) * width * inner
    patch = number("patch_size", default=14)
    embedding = width * 3 * patch * patch * max(number("temporal_patch_size", default=1), 1)
    text = config.number("hidden_size")
    merged = width * max(number("spatial_merge_size", default=1), 1) ** 2
    out = number("out_hidden_size", default=text)
    projector = merged * merged + merged * out if merged > width else width * text + text * text
    return depth * layer + embedding + number("num_position_embeddings") * width + projector
