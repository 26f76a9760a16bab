"""Small models, one or more for each family of attention: what transformers 5.19 makes of a few numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

_SMALL = {"vocab_size": 512, "hidden_size": 128, "intermediate_size": 256, "max_position_embeddings": 8192}
_GQA = {**_SMALL, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64}
_LATENT = {
    **_SMALL, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "kv_lora_rank": 512, "q_lora_rank": 96,
    "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128, "n_routed_experts": 4, "num_experts_per_tok": 2,
    "moe_intermediate_size": 64, "n_shared_experts": 1,
}  # fmt: skip
_DELTA = {
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
}  # fmt: skip
_MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "shared_expert_intermediate_size": 64}


@dataclass(frozen=True)
class Case:
    """One model: `memory` is the cache's size in bytes, `flags` are EngineArgs, `packing` is a name in kv_packing.CONFIGS."""

    name: str
    config_class: str
    config: dict[str, Any]
    flags: dict[str, Any] = field(default_factory=dict)
    memory: int = 256 << 20
    packing: str = ""

    def asdict(self) -> dict[str, Any]:
        return asdict(self)


_EXPERTS_V3 = {**_LATENT, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1, "topk_method": "noaux_tc"}
# the head's weights are no part of what transformers saves
_DRAFT = {"speculative_config": {"method": "mtp", "num_speculative_tokens": 1}, "load_format": "dummy"}

CASES = (
    Case("llama", "LlamaConfig", _GQA, {"max_model_len": 4096}),
    Case("qwen3", "Qwen3Config", _GQA),
    Case("qwen3-moe", "Qwen3MoeConfig", {**_GQA, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64}),
    Case("mistral-sliding", "MistralConfig", {**_GQA, "sliding_window": 1024}),
    Case("gemma3", "Gemma3TextConfig", {**_GQA, "num_hidden_layers": 14, "sliding_window": 512}),
    Case("gemma4", "Gemma4TextConfig", {
        **_GQA, "num_hidden_layers": 12, "head_dim": 128, "global_head_dim": 256, "num_key_value_heads": 4, "num_global_key_value_heads": 2,
        "attention_k_eq_v": True, "sliding_window": 512, "hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 512,
    }),
    Case("gemma4-shared", "Gemma4TextConfig", {
        **_GQA, "num_hidden_layers": 12, "head_dim": 128, "global_head_dim": 256, "num_kv_shared_layers": 6, "sliding_window": 512,
        "hidden_size_per_layer_input": 32, "vocab_size_per_layer_input": 512,
    }),
    Case("gpt-oss", "GptOssConfig", {
        **_GQA, "num_hidden_layers": 6, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 128,
    }),
    Case("llama4-chunked", "Llama4TextConfig", {
        **_GQA, "num_hidden_layers": 8, "intermediate_size_mlp": 256, "num_local_experts": 4, "num_experts_per_tok": 1,
        "attention_chunk_size": 1024, "interleave_moe_layer_step": 1,
    }),
    Case("deepseek-v2", "DeepseekV2Config", {**_LATENT, "first_k_dense_replace": 1, "q_lora_rank": None}),
    Case("deepseek-v3", "DeepseekV3Config", _EXPERTS_V3),
    Case("deepseek-v3-draft-head", "DeepseekV3Config", {**_EXPERTS_V3, "num_nextn_predict_layers": 1}, _DRAFT),
    Case("glm4-moe", "Glm4MoeConfig", {
        **_GQA, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "n_shared_experts": 1,
        "first_k_dense_replace": 1,
    }),
    Case("glm4-moe-lite", "Glm4MoeLiteConfig", {**_LATENT, "qk_nope_head_dim": 192, "v_head_dim": 256, "first_k_dense_replace": 1, "topk_method": "noaux_tc"}),
    Case("qwen3-next", "Qwen3NextConfig", {
        **_GQA, **_DELTA, **_MOE, "num_hidden_layers": 8, "head_dim": 128, "decoder_sparse_step": 1,
    }),
    Case("qwen3-next-draft-head", "Qwen3NextConfig", {
        **_GQA, **_DELTA, **_MOE, "num_hidden_layers": 8, "head_dim": 128, "decoder_sparse_step": 1, "num_nextn_predict_layers": 1,
    }, _DRAFT),
    Case("qwen3.5", "Qwen3_5TextConfig", {**_GQA, **_DELTA, "num_hidden_layers": 8, "head_dim": 128}),
    Case("qwen3.5-no-prefix-caching", "Qwen3_5TextConfig", {**_GQA, **_DELTA, "num_hidden_layers": 8, "head_dim": 128},
         {"enable_prefix_caching": False}),
    Case("nemotron-h", "NemotronHConfig", {
        **_GQA, "layers_block_type": ["linear_attention", "mlp", "linear_attention", "full_attention", "mlp", "linear_attention"],
        "mamba_num_heads": 8, "mamba_head_dim": 32, "n_groups": 2, "ssm_state_size": 64, "conv_kernel": 4,
    }),
    Case("granite-hybrid", "GraniteMoeHybridConfig", {
        **_SMALL, "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 2, "shared_intermediate_size": 128,
        "num_local_experts": 0, "layer_types": ["mamba", "mamba", "attention", "mamba", "mamba", "attention"],
        "mamba_n_heads": 8, "mamba_d_head": 32, "mamba_n_groups": 1, "mamba_d_state": 64, "mamba_expand": 2,
    }),
    Case("lfm2", "Lfm2Config", {
        **_SMALL, "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 2,
        "layer_types": ["conv", "conv", "full_attention", "conv", "full_attention", "conv"],
        "block_auto_adjust_ff_dim": False, "conv_dim": 128, "block_dim": 128, "block_ff_dim": 256, "block_multiple_of": 1,
        "block_ffn_dim_multiplier": 1,
    }),
    Case("seed-oss", "SeedOssConfig", _GQA),
    Case("awq", "LlamaConfig", _GQA, packing="awq"),
    Case("gptq", "LlamaConfig", _GQA, packing="gptq"),
    Case("w4a16", "LlamaConfig", _GQA, packing="w4a16"),
    Case("fp8-cache", "LlamaConfig", _GQA, {"kv_cache_dtype": "fp8"}),
    Case("context-left-to-vllm", "Gemma3TextConfig", {**_GQA, "num_hidden_layers": 12, "sliding_window": 512}, {"max_model_len": -1}, 8 << 20),
    Case("hybrid-context-left-to-vllm", "Qwen3NextConfig", {**_GQA, **_DELTA, **_MOE, "num_hidden_layers": 8, "head_dim": 128},
         {"max_model_len": -1}, 12 << 20),
    Case("two-ranks", "Qwen3NextConfig", {**_GQA, **_DELTA, **_MOE, "num_hidden_layers": 8, "head_dim": 128, "num_key_value_heads": 1},
         {"tensor_parallel_size": 2}),
    Case("two-stages", "Gemma3TextConfig", {**_GQA, "num_hidden_layers": 13, "sliding_window": 512}, {"pipeline_parallel_size": 2}),
)  # fmt: skip
