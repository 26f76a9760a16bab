"""config.json → architecture: which mixer and which feed-forward block each layer has, after vLLM's model files."""

from __future__ import annotations

from slipway.fit.attention import read_attention
from slipway.fit.config import MissingFact, ModelConfig
from slipway.fit.feed_forward import read_feed_forward
from slipway.fit.layers import Architecture, Layer, Mixer
from slipway.fit.mixers import find_recurrent, read_compressed, read_latent, read_mamba
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
        mixers = (*mixers, read_mamba(config))
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
        return read_compressed(config, kind, index)
    reader = find_recurrent(config, kind, index)
    if reader:
        return reader(config)
    if config.get("kv_lora_rank") and config.family not in _PLAIN:
        return read_latent(config, index)
    return read_attention(config, kind, index, count)
