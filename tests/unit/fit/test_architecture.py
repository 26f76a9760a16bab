from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from slipway.fit.architecture import read_architecture
from slipway.fit.config import MissingFact, read_config
from slipway.fit.layers import Attention, Compressed, Experts, GatedDelta, KimiDelta, LatentAttention, Mamba, Mlp, ShortConv
from slipway.fit.parameters import list_matrices
from tests.unit.fit.building import PLAIN, model


def mixers(changes: dict[str, Any]) -> list[Any]:
    return [layer.mixers[0] if layer.mixers else None for layer in model(changes).architecture.layers]


def windows(changes: dict[str, Any]) -> list[int]:
    return [mixer.window for mixer in mixers(changes)]


def test_grouped_query_attention() -> None:
    assert mixers({})[0] == Attention(heads=8, kv_heads=2, head=16, value=16)


def test_heads_share_the_width_where_no_size_is_given() -> None:
    assert mixers({"head_dim": None, "num_key_value_heads": None})[0] == Attention(heads=8, kv_heads=8, head=8, value=8)


def test_layer_types_say_which_layers_slide() -> None:
    kinds = ["sliding_attention", "full_attention"] * 2
    assert windows({"layer_types": kinds, "sliding_window": 128}) == [128, 0, 128, 0]


def test_mistral_slides_everywhere_and_llama_4_in_chunks() -> None:
    assert windows({"model_type": "mistral", "sliding_window": 128}) == [128] * 4
    chunked = mixers({"model_type": "llama4_text", "attention_chunk_size": 512, "num_local_experts": 2, "num_experts_per_tok": 1})
    assert [mixer.chunk for mixer in chunked] == [512, 512, 512, 0]


def test_gemma_and_gpt_oss_have_patterns_of_their_own() -> None:
    assert windows({"model_type": "gemma3_text", "num_hidden_layers": 7, "sliding_window": 128}) == [128] * 5 + [0, 128]
    assert windows({"model_type": "gemma2", "sliding_window": 128}) == [128, 0, 128, 0]
    assert windows({"model_type": "gpt_oss", "sliding_window": 128, "num_local_experts": 2, "num_experts_per_tok": 1}) == [128, 0, 128, 0]


def test_a_window_that_is_switched_off_is_none() -> None:
    assert windows({"model_type": "qwen2", "sliding_window": 128, "use_sliding_window": False}) == [0] * 4


def test_gemma_4_has_other_heads_in_full_layers_and_layers_that_share() -> None:
    found = mixers({
        "model_type": "gemma4_text", "num_hidden_layers": 6, "global_head_dim": 32, "num_global_key_value_heads": 1,
        "attention_k_eq_v": True, "sliding_window": 128, "num_kv_shared_layers": 1,
    })  # fmt: skip
    assert (found[0].kv_heads, found[0].head, found[0].tied, found[0].shared) == (2, 16, False, False)
    assert (found[5].kv_heads, found[5].head, found[5].tied, found[5].shared) == (1, 32, True, True)


def test_transformers_5_says_what_differs_layer_by_layer() -> None:
    kinds = ["sliding_attention", "full_attention"]
    changes = {"model_type": "gemma4_text", "num_hidden_layers": 2, "layer_types": kinds, "sliding_window": 128}
    found = mixers({**changes, "per_layer_config": {"1": {"head_dim": 64, "num_key_value_heads": 1}}})
    assert [(mixer.kv_heads, mixer.head) for mixer in found] == [(2, 16), (1, 64)]


def test_latent_attention_with_and_without_an_indexer() -> None:
    latent = {
        "model_type": "deepseek_v3",
        "kv_lora_rank": 32,
        "q_lora_rank": 24,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 16,
        "v_head_dim": 12,
    }
    plain = LatentAttention(heads=8, rank=32, rope=8, nope=16, value=12, query_rank=24)
    assert mixers(latent) == [plain] * 4
    sparse = {**latent, "model_type": "deepseek_v32", "index_topk_freq": 2, "index_head_dim": 128, "index_n_heads": 4}
    assert [mixer.indexer for mixer in mixers(sparse)] == [128, 128, 0, 128]


def test_hybrids_have_recurrent_layers() -> None:
    delta = {
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "linear_conv_kernel_dim": 4,
    }
    found = mixers({"model_type": "qwen3_next", **delta})
    assert [type(mixer) for mixer in found] == [GatedDelta, GatedDelta, GatedDelta, Attention]
    assert found[0] == GatedDelta(key_heads=2, value_heads=4, key=8, value=8, kernel=4)
    assert found[3].gate == 2


def test_nemotron_h_layers_are_mixers_or_feed_forward_blocks() -> None:
    layers = model({
        "model_type": "nemotron_h", "hybrid_override_pattern": "M*-E", "num_hidden_layers": 4, "mamba_num_heads": 4, "mamba_head_dim": 8,
        "n_groups": 2, "ssm_state_size": 16, "conv_kernel": 4, "n_routed_experts": 4, "moe_intermediate_size": 32, "n_shared_experts": 1,
        "moe_shared_expert_intermediate_size": 48, "num_experts_per_tok": 2,
    }).architecture.layers  # fmt: skip
    assert layers[0].mixers == (Mamba(heads=4, head=8, groups=2, state=16, kernel=4),)
    assert isinstance(layers[1].mixers[0], Attention)
    assert (layers[2].mixers, layers[2].mlp) == ((), Mlp(256, gated=False))
    assert layers[3].mlp == Experts(count=4, active=2, width=32, gated=False, shared=48)


def test_other_recurrent_families() -> None:
    assert [type(mixer) for mixer in mixers({"model_type": "lfm2", "layer_types": ["conv", "full_attention"] * 2, "conv_L_cache": 3})] == [
        ShortConv, Attention, ShortConv, Attention,
    ]  # fmt: skip
    linear = {"kda_layers": [1, 2, 3], "full_attn_layers": [4], "num_heads": 4, "head_dim": 8, "short_conv_kernel_size": 4}
    latent = {"kv_lora_rank": 32, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 12}
    found = mixers({"model_type": "kimi_linear", "linear_attn_config": linear, **latent})
    assert [type(mixer) for mixer in found] == [KimiDelta, KimiDelta, KimiDelta, LatentAttention]


def test_deepseek_v4_compresses_by_layer() -> None:
    found = mixers({
        "model_type": "deepseek_v4", "compress_ratios": [0, 128, 4, 128], "sliding_window": 128, "q_lora_rank": 16, "o_groups": 2,
        "o_lora_rank": 8, "index_head_dim": 128, "index_n_heads": 4, "head_dim": 512, "n_routed_experts": 4, "moe_intermediate_size": 32,
        "num_experts_per_tok": 2,
    })  # fmt: skip
    assert [mixer.ratio for mixer in found if isinstance(mixer, Compressed)] == [1, 128, 4, 128]


@pytest.mark.parametrize(
    ("changes", "sparse"),
    [
        ({"n_routed_experts": 4, "first_k_dense_replace": 2, "moe_intermediate_size": 32}, [False, False, True, True]),
        (
            {"num_experts": 4, "mlp_layer_types": ["dense", "sparse", "sparse", "dense"], "moe_intermediate_size": 32},
            [False, True, True, False],
        ),
        ({"num_experts": 4, "moe_layer_freq": [0, 1, 0, 1], "moe_intermediate_size": 32}, [False, True, False, True]),
        ({"moe_num_experts": 4, "moe_layers_enum": "1,3", "moe_intermediate_size": 32}, [False, True, False, True]),
        ({"model_type": "qwen3_moe", "num_experts": 4, "decoder_sparse_step": 2, "moe_intermediate_size": 32}, [False, True, False, True]),
        ({"model_type": "mixtral", "num_local_experts": 4}, [True] * 4),
        ({}, [False] * 4),
    ],
)
def test_which_layers_have_experts(changes: dict[str, Any], sparse: list[bool]) -> None:
    assert [isinstance(layer.mlp, Experts) for layer in model(changes).architecture.layers] == sparse


def test_multimodal_configs_hold_the_language_model_one_level_down() -> None:
    whole = {
        "model_type": "mistral3",
        "text_config": PLAIN,
        "vision_config": {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 64},
    }
    found = read_architecture(read_config(whole))
    assert (found.family, found.width, len(found.layers)) == ("llama", 64, 4)
    assert found.extra > 0


def test_an_unknown_family_is_read_as_plain_attention_and_marked() -> None:
    found = model({"model_type": "brand_new"}).architecture
    assert (found.known, found.layers[0].mixers) == (False, model().architecture.layers[0].mixers)


@pytest.mark.parametrize("key", ["hidden_size", "vocab_size", "num_attention_heads", "intermediate_size", "max_position_embeddings"])
def test_a_missing_number_is_named(key: str) -> None:
    with pytest.raises(MissingFact, match=f"config.json does not say {key}"):
        model({key: None})


def test_parameters_of_a_plain_model() -> None:
    counts: Counter[str] = Counter()
    for matrix in list_matrices(model().architecture):
        counts[matrix.name.rpartition(".")[2]] += matrix.parameters
    assert counts == {
        "embed_tokens": 64_000, "lm_head": 64_000, "norm": 64, "norms": 4 * 128, "q_proj": 4 * 8192, "k_proj": 4 * 2048, "v_proj": 4 * 2048,
        "o_proj": 4 * 8192, "gate_proj": 4 * 16384, "up_proj": 4 * 16384, "down_proj": 4 * 16384,
    }  # fmt: skip
