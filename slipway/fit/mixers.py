"""The mixers of a layer that are no plain attention: recurrent, latent and compressed ones, after vLLM's model files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slipway.fit.config import ModelConfig
from slipway.fit.layers import Compressed, GatedDelta, KimiDelta, LatentAttention, Mamba, Mixer, ShortConv

_COMPRESSION = {"sliding_attention": 1, "compressed_sparse_attention": 4, "heavily_compressed_attention": 128}


def find_recurrent(config: ModelConfig, kind: str, index: int) -> Callable[[ModelConfig], Mixer] | None:
    """What reads the recurrent mixer of layer `index`; None where that is attention. `kind` is the layer's own word, if it has one."""
    family = config.family
    if family.startswith(("qwen3_next", "qwen3_5")):
        recurrent = kind == "linear_attention" if kind else (index + 1) % config.number("full_attention_interval") != 0
        return _gated_delta if recurrent else None
    if family in ("nemotron_h", "granitemoehybrid", "bamba"):
        attention = config.get("attn_layer_indices", default=())
        recurrent = kind == "linear_attention" if kind else index not in attention
        return read_mamba if recurrent else None
    if family in ("lfm2", "lfm2_moe"):
        full = config.get("full_attn_idxs", default=())
        return _short_conv if kind == "conv" or (not kind and index not in full) else None
    if family == "kimi_linear":
        linear = config.get("linear_attn_config", default={})
        # its lists count layers from 1
        return _kimi_delta if index + 1 in linear.get("kda_layers", ()) else None
    return None


def _gated_delta(config: ModelConfig) -> Mixer:
    return GatedDelta(
        key_heads=config.number("linear_num_key_heads"),
        value_heads=config.number("linear_num_value_heads"),
        key=config.number("linear_key_head_dim"),
        value=config.number("linear_value_head_dim"),
        kernel=config.number("linear_conv_kernel_dim"),
    )


def _kimi_delta(config: ModelConfig) -> Mixer:
    linear = config.get("linear_attn_config")
    return KimiDelta(linear["num_heads"], linear["head_dim"], linear["short_conv_kernel_size"])


def read_mamba(config: ModelConfig) -> Mixer:
    heads = config.number("mamba_num_heads", "mamba_n_heads")
    default = config.number("mamba_d_ssm", default=0) or config.number("hidden_size") * config.number("mamba_expand", default=2)
    return Mamba(
        heads=heads,
        head=config.number("mamba_head_dim", "mamba_d_head", default=default // heads)
        if config.get("mamba_d_head") != "auto"
        else default // heads,
        groups=config.number("n_groups", "mamba_n_groups"),
        state=config.number("ssm_state_size", "mamba_d_state"),
        kernel=config.number("conv_kernel", "mamba_d_conv"),
    )


def _short_conv(config: ModelConfig) -> Mixer:
    return ShortConv(config.number("conv_dim", "hidden_size"), config.number("conv_L_cache"))


def read_latent(config: ModelConfig, index: int) -> Mixer:
    indexer = config.number("index_head_dim", default=0)
    if indexer and not _has_indexer(config, index):
        indexer = 0
    return LatentAttention(
        heads=config.number("num_attention_heads"),
        rank=config.number("kv_lora_rank"),
        rope=config.number("qk_rope_head_dim"),
        nope=config.number("qk_nope_head_dim"),
        value=config.number("v_head_dim"),
        query_rank=config.number("q_lora_rank", default=0),
        indexer=indexer,
        indexer_heads=config.number("index_n_heads", default=0) if indexer else 0,
    )


def _has_indexer(config: ModelConfig, index: int) -> bool:
    """Layers may use an earlier layer's choice (vllm/model_executor/models/deepseek_v2.py, _skip_topk)."""
    types = config.get("indexer_types")
    pattern = config.get("index_topk_pattern")
    if isinstance(types, Sequence) and index < len(types):
        return bool(types[index] == "full")
    if isinstance(pattern, Sequence) and index < len(pattern):
        return bool(pattern[index] != "S")
    every = config.number("index_topk_freq", default=1)
    return max(index - config.number("index_skip_topk_offset", default=2) + 1, 0) % every == 0


def read_compressed(config: ModelConfig, kind: str, index: int) -> Mixer:
    ratios = config.get("compress_ratios")
    ratio = int(ratios[index]) if ratios else _COMPRESSION.get(kind, 0)
    if kind == "" and not ratios:
        ratio = 128 if index < 2 else (4, 128)[index % 2]
    return Compressed(
        heads=config.number("num_attention_heads"),
        head=config.number("head_dim"),
        ratio=max(ratio, 1),
        window=config.number("sliding_window"),
        query_rank=config.number("q_lora_rank"),
        output_groups=config.number("o_groups"),
        output_rank=config.number("o_lora_rank"),
        indexer=config.number("index_head_dim"),
        indexer_heads=config.number("index_n_heads"),
    )
