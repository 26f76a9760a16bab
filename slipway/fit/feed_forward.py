"""The feed-forward part of a layer: dense, or routed experts; which layers have which, family by family."""

from __future__ import annotations

from slipway.fit.config import ModelConfig
from slipway.fit.layers import Experts, Mlp

_UNGATED = frozenset({"nemotron_h", "starcoder2", "apertus", "arcee"})


def read_feed_forward(config: ModelConfig, index: int, kind: str) -> Mlp | Experts | None:
    """The block of layer `index`; `kind` is the layer's own word in config.json, if it has one."""
    gated = config.family not in _UNGATED
    count = config.number("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts", default=0)
    if config.family == "nemotron_h":
        return _experts(config, count, gated=False) if kind == "moe" else Mlp(_width(config), gated=False)
    if count and _is_sparse(config, index):
        return _experts(config, count, gated=gated)
    return Mlp(_dense_width(config, index), gated, config.flag("mlp_bias"))


def _width(config: ModelConfig) -> int:
    value = config.get("intermediate_size", "n_inner")
    return int(value[0]) if isinstance(value, list) else config.number("intermediate_size", "n_inner")


def _dense_width(config: ModelConfig, index: int) -> int:
    if config.family.startswith("llama4"):
        return config.number("intermediate_size_mlp", "intermediate_size")
    if config.family == "granitemoehybrid":
        return config.number("shared_intermediate_size", "intermediate_size")
    width = _width(config)
    shared = config.number("num_kv_shared_layers", default=0)
    if config.flag("use_double_wide_mlp") and shared and index >= config.number("num_hidden_layers") - shared:
        return 2 * width
    if config.family in ("lfm2", "lfm2_moe") and config.flag("block_auto_adjust_ff_dim"):
        width = int(config.get("block_ffn_dim_multiplier", default=1) * (2 * width // 3))
        unit = config.number("block_multiple_of", default=1)
        width = unit * -(-width // unit)
    return width


def _is_sparse(config: ModelConfig, index: int) -> bool:
    types = config.get("mlp_layer_types")
    if types:
        return index >= len(types) or types[index] != "dense"
    if config.family.startswith("llama4"):
        chosen = config.get("moe_layers")
        return index in chosen if chosen else (index + 1) % config.number("interleave_moe_layer_step") == 0
    listed = config.get("moe_layers_enum")
    if listed is not None:
        numbers = listed.split(",") if isinstance(listed, str) else listed
        return index in {int(number) for number in numbers}
    frequency = config.get("moe_layer_freq")
    if isinstance(frequency, list):
        return bool(frequency[index])
    if index in config.get("mlp_only_layers", default=()):
        return False
    step = config.number("decoder_sparse_step", "moe_layer_freq", default=1)
    if config.family.startswith(("qwen2_moe", "qwen3_moe", "qwen3_next")):
        return (index + 1) % step == 0
    first = config.number("first_k_dense_replace", "num_dense_layers", default=0)
    return index >= first and index % step == 0


def _experts(config: ModelConfig, count: int, *, gated: bool) -> Experts:
    width = config.number("moe_intermediate_size", "expert_intermediate_size", "intermediate_size")
    return Experts(
        count=count,
        active=config.number("num_experts_per_tok", "num_experts_per_token", "moe_top_k", "top_k_experts", default=1),
        width=width,
        gated=gated,
        shared=_shared_width(config, width),
        shared_gate=config.family.startswith(("qwen2_moe", "qwen3_next", "qwen3_5_moe")),
        bias=config.family == "gpt_oss",
        router_bias=config.family == "gpt_oss",
        latent=config.number("moe_latent_size", default=0),
        dense=_width(config) if config.family.startswith("gemma4") else 0,
    )


def _shared_width(config: ModelConfig, width: int) -> int:
    if config.family.startswith("llama4"):
        return width
    number = config.number("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", default=0)
    if config.family == "nemotron_h":
        return config.number("moe_shared_expert_intermediate_size", default=width) * number
    if config.family.startswith("qwen3_moe"):
        return 0
    given = config.number("shared_expert_intermediate_size", "share_expert_dim", "shared_intermediate_size", default=0)
    return given or number * width
