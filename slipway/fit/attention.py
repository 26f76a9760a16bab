"""Plain attention of a layer: its heads, and how far it looks, family by family, after vLLM's model files."""

from __future__ import annotations

from slipway.fit.config import ModelConfig
from slipway.fit.layers import Attention


def read_attention(config: ModelConfig, kind: str, index: int, count: int) -> Attention:
    """The attention of layer `index` of `count`; `kind` is its own word in config.json, if it has one."""
    heads = config.number("num_attention_heads", "n_head")
    kv_heads = config.number("num_key_value_heads", "num_kv_heads", "num_attention_groups", default=heads)
    head = config.number("head_dim", "attention_head_dim", default=config.number("hidden_size") // heads)
    value = config.number("v_head_dim", default=head)
    window = _window(config, kind, index)
    if window:
        heads, kv_heads, head, value = _windowed_heads(config, heads, kv_heads, head, value)
    elif config.family.startswith("gemma4") and "per_layer_config" not in config.values:
        head = value = config.number("global_head_dim", default=head)
        if config.flag("attention_k_eq_v"):
            kv_heads = config.number("num_global_key_value_heads", default=kv_heads)
    per_layer = config.get("num_attention_heads_per_layer")
    return Attention(
        heads=per_layer[index] if per_layer else heads,
        kv_heads=kv_heads,
        head=head,
        value=value,
        window=window,
        chunk=_chunk(config, index),
        shared=index >= count - config.number("num_kv_shared_layers", default=0),
        tied=config.family.startswith("gemma4") and config.flag("attention_k_eq_v") and not window,
        qkv_bias=config.flag("attention_bias") or config.flag("use_qkv_bias"),
        out_bias=config.flag(
            "attention_out_bias", default=config.flag("attention_bias") and not config.family.startswith(("qwen2", "seed"))
        ),
        norms=2 * head if config.family.startswith(("qwen3", "gemma3", "gemma4", "hy_v3", "laguna", "step3p5")) else 0,
        sinks=config.family == "gpt_oss",
        gate=_gate(config),
    )


def _windowed_heads(config: ModelConfig, heads: int, kv_heads: int, head: int, value: int) -> tuple[int, int, int, int]:
    """Some families have other heads where the window slides."""
    other = config.get("attention_other_setting")
    if isinstance(other, dict):
        size = int(other.get("head_dim", head))
        return int(other.get("num_attention_heads", heads)), int(other.get("num_attention_groups", kv_heads)), size, size
    if config.get("swa_num_attention_heads"):
        size = config.number("swa_head_dim", default=head)
        return (
            config.number("swa_num_attention_heads"),
            config.number("swa_num_key_value_heads", default=kv_heads),
            size,
            config.number("swa_v_head_dim", default=value),
        )
    return heads, kv_heads, head, value


def _gate(config: ModelConfig) -> int:
    if config.family.startswith(("qwen3_next", "qwen3_5")):
        return 2 if config.flag("attn_output_gate", default=True) else 0
    gating = config.get("gating")
    if config.family == "laguna" and gating:
        return 1 if gating is True or gating == "per-head" else 2
    return 1 if config.flag("use_head_wise_attn_gate") else 0


def _window(config: ModelConfig, kind: str, index: int) -> int:
    """Tokens of this layer's sliding window, 0 for none."""
    size = config.number("sliding_window", "sliding_window_size", default=0)
    if not size or config.flag("use_sliding_window", default=True) is False:
        return 0
    family = config.family
    if family == "gpt_oss":
        return size if index % 2 == 0 else 0
    if family.startswith("mimo_v2"):
        pattern = config.get("hybrid_layer_pattern", default=())
        return size if index < len(pattern) and pattern[index] == 1 else 0
    if kind:
        # Cohere's window sees one token more (vllm/model_executor/models/commandr.py)
        return (size + 1 if family == "cohere2" else size) if kind == "sliding_attention" else 0
    period = config.number("sliding_window_pattern", "_sliding_window_pattern", default=0)
    if family == "gemma2":
        return size if index % 2 == 0 else 0
    if period:
        return size if (index + 1) % period else 0
    # vLLM slides every layer where the config has a window and no list of layers (vllm/engine/arg_utils.py)
    return 0 if family.startswith(("qwen2", "qwen3", "llama4", "nemotron_h")) else size


def _chunk(config: ModelConfig, index: int) -> int:
    """Tokens of Llama 4's chunks; its layers without position encoding look at everything."""
    if not config.family.startswith("llama4"):
        return 0
    rope = config.get("no_rope_layers")
    local = bool(rope[index]) if rope else (index + 1) % config.number("no_rope_layer_interval") != 0
    return config.number("attention_chunk_size", default=0) if local else 0
