from __future__ import annotations

from typing import Any

import pytest

from slipway.fit.parameters import Matrix
from slipway.fit.quantization import UnknownQuantization, matrix_bytes, read_quantization

MATRIX = Matrix("model.layers.0.mlp.up_proj", rows=256, columns=512)
NUMBERS = 256 * 512


def read(**given: Any) -> Any:
    return read_quantization({"quantization_config": given})


def tensors(kind: str, bits: int, **more: Any) -> dict[str, Any]:
    weights = {"type": kind, "num_bits": bits, **more}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}}


@pytest.mark.parametrize(
    ("given", "name", "size"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "FP8", NUMBERS + 2 * 4 * 4),
        ({"quant_method": "fp8", "activation_scheme": "static"}, "FP8", NUMBERS + 4),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "FP8", NUMBERS + 4),
        ({"quant_method": "modelopt", "quantization": {"quant_algo": "NVFP4", "group_size": 16}}, "NVFP4", NUMBERS / 2 + NUMBERS / 16),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "AWQ", NUMBERS / 2 + NUMBERS / 128 * 2.5),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "GPTQ", NUMBERS / 2 + NUMBERS / 128 * 2.5 + 512 * 4),
        (tensors("float", 8, strategy="channel"), "FP8", NUMBERS + 256 * 2),
        (tensors("float", 8, strategy="block", block_structure=[128, 128]), "FP8", NUMBERS + 2 * 4 * 4),
        (tensors("float", 4, strategy="tensor_group", group_size=16), "NVFP4", NUMBERS / 2 + NUMBERS / 16),
        (tensors("float", 4, strategy="group", group_size=32), "MXFP4", NUMBERS / 2 + NUMBERS / 32),
        (tensors("int", 4, strategy="group", group_size=32), "INT4", NUMBERS / 2 + NUMBERS / 32 * 2),
        (tensors("int", 8, strategy="channel"), "INT8", NUMBERS + 256 * 2),
    ],
)
def test_bytes_of_packed_weights_and_their_scales(given: dict[str, Any], name: str, size: float) -> None:
    quantization = read(**given)
    assert (quantization.packing.name, matrix_bytes(MATRIX, "bfloat16", quantization)) == (name, size)


def test_mxfp4_packs_experts_alone() -> None:
    quantization = read(quant_method="mxfp4")
    experts = Matrix("model.layers.0.mlp.experts.0.up_proj", 256, 512, copies=3, bias=True)
    assert matrix_bytes(experts, "bfloat16", quantization) == 3 * (NUMBERS / 2 + NUMBERS / 32 + 256 * 2)
    assert matrix_bytes(MATRIX, "bfloat16", quantization) == NUMBERS * 2


def test_deepseek_v4_has_experts_in_fp4_and_the_rest_in_fp8() -> None:
    quantization = read_quantization(
        {"expert_dtype": "fp4", "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}
    )
    experts = Matrix("model.layers.0.mlp.experts.0.up_proj", 256, 512)
    assert matrix_bytes(experts, "bfloat16", quantization) == NUMBERS / 2 + NUMBERS / 32
    assert matrix_bytes(MATRIX, "bfloat16", quantization) == NUMBERS + 2 * 4 * 4


@pytest.mark.parametrize(
    ("kept", "name", "packed"),
    [
        (["lm_head"], "model.layers.0.mlp.up_proj", True),
        (["model.layers.0.mlp.up_proj"], "model.layers.0.mlp.up_proj", False),
        (["model.language_model.layers.0.mlp.up_proj"], "model.layers.0.mlp.up_proj", False),
        (["up_proj"], "model.layers.0.mlp.up_proj", False),
        (["re:.*mlp.*"], "model.layers.0.mlp.up_proj", False),
        (["model.layers.*.self_attn"], "model.layers.0.self_attn.q_proj", False),
        (["model.layers.0.mlp.up"], "model.layers.0.mlp.up_proj", True),
        ([], "lm_head", False),
    ],
)
def test_modules_that_a_checkpoint_leaves_as_they_were(kept: list[str], name: str, packed: bool) -> None:
    quantization = read(quant_method="fp8", weight_block_size=[128, 128], modules_to_not_convert=kept)
    assert quantization.packs(Matrix(name, 8, 8)) is packed


def test_a_checkpoint_may_ask_for_an_fp8_cache() -> None:
    assert read(quant_method="modelopt", quant_algo="FP8", kv_cache_quant_algo="FP8").kv_fp8
    assert read(**tensors("float", 8), kv_cache_scheme={"num_bits": 8, "type": "float"}).kv_fp8
    assert not read(quant_method="fp8").kv_fp8


def test_a_multimodal_checkpoint_may_say_it_in_its_language_part() -> None:
    found = read_quantization({"text_config": {"quantization_config": {"quant_method": "fp8"}}})
    assert found and found.packing.name == "FP8"


def test_no_quantization_and_an_unknown_one() -> None:
    assert read_quantization({}) is None
    with pytest.raises(UnknownQuantization, match="'brand_new'"):
        read(quant_method="brand_new")
