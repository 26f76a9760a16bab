"""config.json → architecture: which mixer and which feed-forward block each layer has, after vLLM's model files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slipway.fit.config import MissingFact, ModelConfig
from slipway.fit.feed_forward import read_feed_forward
from slipway.fit.layers import (
    Architecture,
    Attention,
    Compressed,
    GatedDelta,
    KimiDelta,
    LatentAttention,
    Layer,
    Mamba,
    Mixer,
    ShortConv,
)
from slipway.fit.vision import count_extra

# Families whose layers are plain attention, all of one kind or as `layer_types` and `sliding_window` say.
_PLAIN = frozenset({
    "llama", "mistral", "mistral3", "ministral", "ministral3", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "gemma", "gemma2",
    "gemma3", "gemma3_text", "gemma4", "gemma4_text", "gpt_oss", "llama4", "llama4_text", "phi3", "glm4", "glm4_moe", "cohere", "cohere2",
    "granite", "granitemoe", "olmo2", "olmo3", "olmoe", "exaone4", "seed_oss", "minimax_m2", "hy_v3", "laguna", "step3p5", "mimo_v2",
    "mimo_v2_flash", "starcoder2", "dots1", "ernie4_5", "ernie4_5_moe", "smollm3", "apertus", "arcee",
    "qwen2_5_vl", "qwen3_vl", "qwen3_vl_text", "qwen3_vl_moe", "qwen3_vl_moe_text",
})  # fmt: skip
_LATENT = frozenset({
    "deepseek_v2", "deepseek_v3", "deepseek_v32", "glm_moe_dsa", "glm4_moe_lite", "kimi_k2", "kimi_k25", "longcat_flash",
    "pangu_ultra_moe",
})  # fmt: skip
_RECURRENT = frozenset({
    "qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text", "nemotron_h", "granitemoehybrid", "falcon_h1", "bamba",
    "lfm2", "lfm2_moe", "kimi_linear",
})  # fmt: skip
_COMPRESSED = frozenset({"deepseek_v4"})
FAMILIES = _PLAIN | _LATENT | _RECURRENT | _COMPRESSED

_KINDS = {
    "M": "linear_attention", "*": "full_attention", "-": "mlp", "E": "moe",  # Nemotron-H's pattern letters
    "mamba": "linear_attention", "attention": "full_attention",
}  # fmt: skip
_COMPRESSION = {"sliding_attention": 1, "compressed_sparse_attention": 4, "heavily_compressed_attention": 128}


def read_architecture(config: ModelConfig) -> Architecture:
    """Raises MissingFact where a number that memory depends on is not there."""
    count = config.number("num_hidden_layers", "n_layer", default=len(_kinds(config)) or None)
    drafts = config.number("num_nextn_predict_layers", "mtp_num_hidden_layers", default=0)
    layers = tuple(_layer(config.at(index), index, count) for index in range(count))
    return Architecture(
        family=config.family,
        width=config.number("hidden_size", "n_embd"),
        vocabulary=config.number("vocab_size"),
        context=_context(config),
        dtype=str(config.get("dtype", "torch_dtype", default="bfloat16")).removeprefix("torch."),
        layers=layers,
        drafts=tuple(_draft(config, count) for _ in range(drafts)),
        tied=config.flag("tie_word_embeddings"),
        extra=count_extra(config),
        per_layer=config.number("hidden_size_per_layer_input", default=0),
        per_layer_vocabulary=config.number("vocab_size_per_layer_input", default=0),
        state_dtype=str(config.get("mamba_ssm_cache_dtype", "mamba_ssm_dtype", default="")),
        known=config.family in FAMILIES,
    )


def _context(config: ModelConfig) -> int:
    """The length that vLLM takes without --max-model-len (vllm/config/model.py, _get_and_verify_max_len)."""
    length = config.get("max_position_embeddings", "max_seq_len", "model_max_length", "max_sequence_length", "seq_length")
    if length is None:
        raise MissingFact(f"{config.source} does not say max_position_embeddings")
    scaling = config.get("rope_scaling", "rope_parameters")
    kind = scaling.get("rope_type", scaling.get("type")) if isinstance(scaling, dict) else None
    if kind == "yarn" and scaling.get("original_max_position_embeddings") and "rope_scaling" in config.values:
        return max(int(length), int(scaling["original_max_position_embeddings"] * scaling.get("factor", 1)))
    return int(length)


def _kinds(config: ModelConfig) -> list[str]:
    """A word for each layer, where the config has a list or a pattern of them."""
    given = config.get("layer_types", "layers_block_type", "hybrid_override_pattern", default=())
    return [_KINDS.get(kind, kind) for kind in given]


def _layer(config: ModelConfig, index: int, count: int) -> Layer:
    kinds = _kinds(config)
    kind = kinds[index] if index < len(kinds) else ""
    if config.family == "nemotron_h":
        # each layer is one block: a mixer, or a feed-forward block
        if kind in ("mlp", "moe"):
            return Layer((), read_feed_forward(config, index, kind), norms=1)
        return Layer((_mixer(config, kind, index, count),), norms=1)
    mixers: tuple[Mixer, ...] = (_mixer(config, kind, index, count),)
    if config.family == "falcon_h1":
        mixers = (*mixers, _mamba(config))
    norms = 4 if config.family in ("gemma2", "gemma3", "gemma3_text", "gemma4", "gemma4_text") else 2
    return Layer(mixers, read_feed_forward(config, index, kind), norms)


def _draft(config: ModelConfig, count: int) -> Layer:
    """A layer of the multi-token prediction head: like the last full-attention layer of the model."""
    kinds = _kinds(config)
    full = next((index for index in range(count - 1, -1, -1) if index < len(kinds) and kinds[index] == "full_attention"), count - 1)
    layer = _layer(config, full, count)
    if config.family == "nemotron_h":
        return Layer(layer.mixers, read_feed_forward(config, full, "moe"), norms=2)
    return layer


def _mixer(config: ModelConfig, kind: str, index: int, count: int) -> Mixer:
    if config.family in _COMPRESSED:
        return _compressed(config, kind, index)
    reader = _recurrent_reader(config, kind, index)
    if reader:
        return reader(config)
    if config.get("kv_lora_rank") and config.family not in _PLAIN:
        return _latent(config, index)
    return _attention(config, kind, index, count)


def _recurrent_reader(config: ModelConfig, kind: str, index: int) -> Callable[[ModelConfig], Mixer] | None:
    family = config.family
    if family.startswith(("qwen3_next", "qwen3_5")):
        recurrent = kind == "linear_attention" if kind else (index + 1) % config.number("full_attention_interval") != 0
        return _gated_delta if recurrent else None
    if family in ("nemotron_h", "granitemoehybrid", "bamba"):
        attention = config.get("attn_layer_indices", default=())
        recurrent = kind == "linear_attention" if kind else index not in attention
        return _mamba if recurrent else None
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


def _mamba(config: ModelConfig) -> Mixer:
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


def _latent(config: ModelConfig, index: int) -> Mixer:
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


def _compressed(config: ModelConfig, kind: str, index: int) -> Mixer:
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


def _attention(config: ModelConfig, kind: str, index: int, count: int) -> Attention:
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
