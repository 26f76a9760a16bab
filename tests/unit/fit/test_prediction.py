from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from slipway.fit.caches import UnknownCacheFormat, build_pool_of, stage_sizes
from slipway.fit.devices import Device
from slipway.fit.engine import EngineOptions
from slipway.fit.prediction import Host, Model, build_setting, predict, why_not_split
from slipway.fit.weights import Checkpoint, checkpoint_bytes, predict_weights
from slipway.gpus import GIB
from tests.unit.fit.building import CPU, GPU, model

LATENT = {
    "model_type": "deepseek_v3",
    "kv_lora_rank": 512,
    "q_lora_rank": 24,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 16,
    "v_head_dim": 12,
}
DELTA = {
    "model_type": "qwen3_next", "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 128,
    "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
}  # fmt: skip
EXPERTS = {"model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 128, "decoder_sparse_step": 1}


def pages(found: Model, device: Device = GPU, host: Host | None = None, **options: Any) -> list[tuple[int, int, int]]:
    """Block, page and number of layers of every group."""
    pool = build_pool_of(build_setting(found, device, EngineOptions(**options), host))
    return [(group[0].cache.block, group[0].cache.page, len(group)) for group in pool.groups]


def test_a_token_keeps_keys_and_values_of_every_head() -> None:
    assert pages(model()) == [(16, 16 * 2 * (16 + 16) * 2, 4)]


def test_blocks_are_longer_on_the_cpu() -> None:
    assert pages(model(), CPU) == [(128, 128 * 128, 4)]


def test_an_8_bit_cache_halves_it() -> None:
    assert pages(model(), cache_dtype="fp8") == [(16, 16 * 64, 4)]


@pytest.mark.parametrize(("ranks", "width"), [(1, 128), (2, 64), (4, 64), (8, 64)])
def test_heads_are_split_over_ranks_and_then_copied(ranks: int, width: int) -> None:
    assert pages(model(), tensor_parallel=ranks) == [(16, 16 * width, 4)]


def test_latent_attention_is_the_same_on_every_rank() -> None:
    assert pages(model(LATENT)) == pages(model(LATENT), tensor_parallel=8) == [(16, 16 * 576 * 2, 4)]


@pytest.mark.parametrize(
    ("device", "options", "expected"),
    [
        (GPU, {}, (16, 1152)),
        (GPU, {"cache_dtype": "fp8"}, (64, 576)),
        (replace(GPU, capability=10.0), {}, (32, 1152)),
        (replace(GPU, capability=12.0), {}, (16, 1152)),
        (CPU, {}, (16, 1152)),
    ],
)
def test_latent_blocks_follow_the_kernels(device: Device, options: dict[str, Any], expected: tuple[int, int]) -> None:
    block, width = expected
    assert pages(model(LATENT), device, **options) == [(block, block * width, 4)]


def test_a_sparse_indexer_keeps_keys_of_its_own() -> None:
    sparse = model({**LATENT, "model_type": "deepseek_v32", "index_head_dim": 128, "index_n_heads": 4})
    pool = build_pool_of(build_setting(sparse, GPU, EngineOptions()))
    assert pool.block_bytes() == 4 * 64 * (1152 + 132)
    fp8 = build_pool_of(build_setting(sparse, GPU, EngineOptions(cache_dtype="fp8")))
    assert fp8.block_bytes() == 4 * 64 * (656 + 132)


def test_recurrent_layers_make_blocks_as_long_as_their_state() -> None:
    state = (2 * 2 * 128 + 4 * 128) * 3 * 2 + 4 * 128 * 128 * 2
    block = 16 * -(-state // (16 * 128))
    assert pages(model(DELTA)) == [(block, block * 128, 1)] * 4
    pool = build_pool_of(build_setting(model(DELTA), GPU, EngineOptions()))
    assert pool.blocks(EngineOptions().request(GPU, 4096)) == -(-4096 // block) + 3 * 2


def test_states_are_in_float32_where_the_model_or_the_processor_says_so() -> None:
    half = pages(model(DELTA))[0][0]
    assert pages(model({**DELTA, "mamba_ssm_dtype": "float32"}))[0][0] > half
    assert pages(model(DELTA), CPU, Host(bf16=True))[0][0] > pages(model(DELTA), CPU)[0][0]


def test_without_prefix_caching_a_request_holds_one_state() -> None:
    pool = build_pool_of(build_setting(model(DELTA), GPU, EngineOptions(prefix_caching=False)))
    held = pool.blocks(EngineOptions().request(GPU, 4096))
    assert held == build_pool_of(build_setting(model(DELTA), GPU, EngineOptions())).blocks(EngineOptions().request(GPU, 4096)) - 3


def test_a_draft_head_has_caches_and_weights_of_its_own() -> None:
    with_head = model({"num_nextn_predict_layers": 1})
    options = EngineOptions(draft="mtp", draft_tokens=2)
    assert pages(with_head, draft="mtp", draft_tokens=2) == [(16, 2048, 5)]
    plain = predict_weights(with_head.architecture, None, Checkpoint(), EngineOptions())
    more = predict_weights(with_head.architecture, None, Checkpoint(), options)
    assert plain.total == predict_weights(model().architecture, None, Checkpoint(), EngineOptions()).total
    assert more.total > plain.total


def test_layers_that_are_left_over_go_before_the_last_stage() -> None:
    assert (stage_sizes(61, 4), stage_sizes(8, 2), stage_sizes(7, 3)) == ([15, 15, 16, 15], [4, 4], [2, 3, 2])


def test_weights_are_split_over_ranks_and_stages() -> None:
    architecture = model().architecture
    whole = predict_weights(architecture, None, Checkpoint(), EngineOptions())
    assert whole.stages == (checkpoint_bytes(architecture, None),)
    halves = predict_weights(architecture, None, Checkpoint(), EngineOptions(tensor_parallel=2))
    norms = 2 * (64 + 4 * 128)
    assert halves.stages == ((whole.stages[0] + norms) // 2,)
    stages = predict_weights(architecture, None, Checkpoint(), EngineOptions(pipeline_parallel=2)).stages
    assert sum(stages) == whole.stages[0]


def test_key_and_value_projections_are_copied_with_their_heads() -> None:
    architecture = model().architecture
    four = predict_weights(architecture, None, Checkpoint(), EngineOptions(tensor_parallel=4)).stages[0]
    eight = predict_weights(architecture, None, Checkpoint(), EngineOptions(tensor_parallel=8)).stages[0]
    shared = 2 * 4 * 2 * 2048 // 2 + 2 * (64 + 4 * 128)
    assert (four - shared) == 2 * (eight - shared)


def test_experts_are_spread_over_data_parallel_ranks_too() -> None:
    architecture = model(EXPERTS).architecture
    apart = predict_weights(architecture, None, Checkpoint(), EngineOptions(data_parallel=8, expert_parallel=True)).stages[0]
    together = predict_weights(architecture, None, Checkpoint(), EngineOptions(data_parallel=8)).stages[0]
    assert together - apart == 2 * 4 * 8 * 3 * 64 * 128 * 7 // 8


def test_the_checkpoint_s_own_size_corrects_the_computed_one() -> None:
    architecture = model().architecture
    size = checkpoint_bytes(architecture, None)
    found = predict_weights(architecture, None, Checkpoint(size * 2, 0, 0), EngineOptions())
    assert found.total == size * 2
    with_head = model({"num_nextn_predict_layers": 1}).architecture
    assert predict_weights(with_head, None, Checkpoint(size + 1000, 1000, 0), EngineOptions()).total == size


def test_a_packed_latent_projection_is_kept_unpacked_too() -> None:
    packed = model({**LATENT, "quantization_config": {"quant_method": "fp8"}})
    plain = predict_weights(packed.architecture, packed.quantization, Checkpoint(), EngineOptions())
    assert plain.stages[0] - plain.total == 4 * 2 * 8 * (16 + 12) * 512


def test_float32_checkpoints_are_served_in_16_bits() -> None:
    assert predict(model({"dtype": "float32"}), GPU, EngineOptions()).weights == predict(model(), GPU, EngineOptions()).weights


def test_a_model_that_fits() -> None:
    found = predict(model(), GPU, EngineOptions(utilization=0.5))
    assert found.fits and (found.context, found.longest) == (4096, 4096)
    assert found.budget == 70 * GIB
    assert found.cache == 70 * GIB - found.weights_bytes - found.reserve.total
    assert found.capacity.blocks == found.cache // (4 * 2048)
    assert found.capacity.tokens == int(found.capacity.blocks / 256 * 4096)


def test_a_context_that_does_not_fit_and_the_longest_that_does() -> None:
    found = predict(model(), GPU, EngineOptions(cache_bytes=4 * 2048 * 101))
    assert (found.fits, found.context, found.longest) == (False, 4096, 1600)


def test_weights_that_do_not_fit() -> None:
    found = predict(model(), replace(GPU, memory=1 << 20), EngineOptions())
    assert (found.fits, found.longest, found.cache) == (False, 0, 0)


def test_a_cache_of_a_given_size_ignores_the_share() -> None:
    found = predict(model(), CPU, EngineOptions(cache_bytes=1 << 28, utilization=0.01))
    assert found.fits and found.cache == 1 << 28


def test_an_unknown_cache_type_is_refused() -> None:
    with pytest.raises(UnknownCacheFormat):
        predict(model(), GPU, EngineOptions(cache_dtype="turboquant_k8v4"))


def test_ranks_must_divide_heads_and_blocks() -> None:
    assert why_not_split(model(), EngineOptions(tensor_parallel=8)) == ""
    assert why_not_split(model(), EngineOptions(tensor_parallel=3)) == "3 tensor parallel ranks do not divide its 8 attention heads"
    blocks = {**EXPERTS, "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}
    reason = "2 tensor parallel ranks would cut its 128-row blocks: 128 rows each in some layers"
    assert why_not_split(model(blocks), EngineOptions(tensor_parallel=2)) == reason
    assert why_not_split(model(blocks), EngineOptions(tensor_parallel=2, expert_parallel=True)) == ""
