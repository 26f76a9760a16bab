"""Reads a Hugging Face config.json: one view over the names that different families give to the same number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


class NoFacts(ValueError):
    """Why the memory of a model cannot be predicted."""


class MissingFact(NoFacts):
    """A number that the prediction needs is not in what is known of the model."""


# What transformers 5.19 puts where a config.json leaves a key out (its configuration_*.py); only what changes memory.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "gemma2": {"head_dim": 256, "sliding_window": 4096, "tie_word_embeddings": True, "vocab_size": 256000},
    "gemma3_text": {
        "head_dim": 256, "sliding_window": 4096, "sliding_window_pattern": 6, "tie_word_embeddings": True,
        "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 262208, "max_position_embeddings": 131072,
    },
    "gemma4_text": {
        "head_dim": 256, "global_head_dim": 512, "sliding_window": 512, "sliding_window_pattern": 6, "tie_word_embeddings": True,
        "hidden_size_per_layer_input": 256, "vocab_size_per_layer_input": 262144, "vocab_size": 262144,
    },
    "gpt_oss": {"head_dim": 64, "attention_bias": True, "sliding_window": 128},
    "llama4_text": {"attention_chunk_size": 8192, "interleave_moe_layer_step": 1, "no_rope_layer_interval": 4, "vocab_size": 202048},
    "qwen3_next": {"full_attention_interval": 4, "head_dim": 256},
    "qwen3_5_text": {"full_attention_interval": 4, "head_dim": 256},
    "qwen3_5_moe_text": {"full_attention_interval": 4, "head_dim": 256},
    "qwen2": {"attention_bias": True},
    "qwen2_moe": {"attention_bias": True},
    "qwen3": {"head_dim": 128},
    "qwen3_moe": {"head_dim": 128},
    "cohere2": {"sliding_window": 4096, "sliding_window_pattern": 4, "tie_word_embeddings": True},
    "glm4_moe": {"head_dim": 128, "first_k_dense_replace": 1, "n_shared_experts": 1},
    "glm4_moe_lite": {"first_k_dense_replace": 1},
    "glm_moe_dsa": {"first_k_dense_replace": 3, "index_topk": 2048, "index_head_dim": 128, "index_n_heads": 32},
    "deepseek_v2": {"first_k_dense_replace": 0},
    "deepseek_v3": {"first_k_dense_replace": 3},
    "deepseek_v32": {"first_k_dense_replace": 3, "index_topk": 2048, "index_head_dim": 128, "index_n_heads": 64},
    "hy_v3": {"first_k_dense_replace": 1, "head_dim": 128},
    "laguna": {"first_k_dense_replace": 1, "head_dim": 128, "gating": True},
    "nemotron_h": {"head_dim": 128, "conv_kernel": 4, "mamba_ssm_cache_dtype": "float32"},
    "seed_oss": {"head_dim": 128, "attention_bias": True},
}  # fmt: skip

_TEXT_SECTIONS = ("text_config", "language_config", "llm_config", "thinker_config")


@dataclass(frozen=True)
class ModelConfig:
    """A config.json with its language part on top; `source` is what messages call it."""

    values: Mapping[str, Any]
    whole: Mapping[str, Any]
    source: str = "config.json"

    @property
    def family(self) -> str:
        return str(self.values.get("model_type") or self.whole.get("model_type") or "")

    def get(self, *names: str, default: Any = None) -> Any:
        """The first of `names` that is there and not null: in the language part, else at the top, else the family's default."""
        defaults = _DEFAULTS.get(self.family, {})
        for part in (self.values, self.whole, defaults):
            for name in names:
                if part.get(name) is not None:
                    return part[name]
        return default

    def at(self, layer: int) -> ModelConfig:
        """The view of one layer, for configs that say `per_layer_config` (transformers 5)."""
        given = self.values.get("per_layer_config")
        if not isinstance(given, Mapping):
            return self
        own = next((part for key, part in given.items() if str(key).lstrip("0") == str(layer or "")), None)
        return replace(self, values={**self.values, **own}) if isinstance(own, Mapping) else self

    def number(self, *names: str, default: int | None = None) -> int:
        """A whole number. Raises MissingFact where none of `names` holds one."""
        value = self.get(*names, default=default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            what = "does not say" if value is None else f"holds {value!r} for"
            raise MissingFact(f"{self.source} {what} {names[0]}")
        return int(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        return bool(self.get(name, default=default))


def read_config(whole: Mapping[str, Any], source: str = "config.json") -> ModelConfig:
    """View of a parsed config.json. A multimodal model's language part may be one level down."""
    for section in _TEXT_SECTIONS:
        part = whole.get(section)
        if isinstance(part, Mapping):
            inner = read_config(part, source)
            # a quantized multimodal checkpoint names its quantization at the top
            return ModelConfig(inner.values, whole, source)
    return ModelConfig(whole, whole, source)
