from __future__ import annotations

from dataclasses import replace

from slipway.fit.advice import find_remedies, recommended_flags, rounded_context, smallest, survey, why_not
from slipway.fit.engine import EngineOptions
from slipway.fit.prediction import Model, Prediction, predict
from tests.unit.fit.building import CPU, GPU, model

LONG = {"num_hidden_layers": 32, "max_position_embeddings": 1 << 20, "hidden_size": 4096, "head_dim": 128, "intermediate_size": 14336}
LONG_EIGHT = {**LONG, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256}
SMALL_GPU = replace(GPU, memory=24 << 30, capability=8.9, name="RTX 4090")


def eight_billion(options: EngineOptions | None = None) -> Prediction:
    return predict(model(LONG_EIGHT), SMALL_GPU, options or EngineOptions(utilization=0.9))


def quantized() -> Model:
    return model({**LONG_EIGHT, "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}})


def test_what_would_fit_from_the_smallest_change_on() -> None:
    found = eight_billion()
    remedies = find_remedies(found, [("awq", quantized(), replace(found.options, max_model_len=65536))])
    shorter = rounded_context(found.longest)
    assert 4096 < shorter < 65536
    assert [(remedy.what, remedy.flags[0]) for remedy in remedies] == [
        ("a shorter context", f"--max-model-len={shorter}"),
        ("an fp8 KV cache, and a shorter context", "--kv-cache-dtype=fp8"),
        ("a share of 92%, and a shorter context", "--gpu-memory-utilization=0.92"),
        ("the variant awq", "VARIANT=awq"),
        ("8 GPUs", "--tensor-parallel-size=8"),
    ]
    assert all(remedy.prediction.fits for remedy in remedies)


def test_weights_that_are_too_large_are_helped_by_more_gpus_alone() -> None:
    found = predict(model({**LONG_EIGHT, "num_hidden_layers": 80}), SMALL_GPU, EngineOptions(max_model_len=8192))
    assert [remedy.what for remedy in find_remedies(found)] == ["2 GPUs"]
    assert why_not(found).startswith("weights of 34.5 GiB and ")


def test_several_changes_help_together_where_none_does_alone() -> None:
    large = {**LONG_EIGHT, "num_hidden_layers": 76}
    awq = {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
    found = predict(model(large), SMALL_GPU, EngineOptions(utilization=0.45, tensor_parallel=1))
    variant = ("awq", model({**large, **awq}), found.options)
    remedies = find_remedies(found, [variant])
    assert [(remedy.what, *remedy.flags[:2]) for remedy in remedies] == [
        ("the variant awq, a share of 92%, and a shorter context", "VARIANT=awq", "--gpu-memory-utilization=0.92"),
        ("2 GPUs, a share of 92%, and a shorter context", "--tensor-parallel-size=2", "--gpu-memory-utilization=0.92"),
    ]
    assert all(remedy.prediction.fits for remedy in remedies)


def test_nothing_helps_a_model_that_no_machine_holds() -> None:
    assert find_remedies(predict(model({**LONG_EIGHT, "num_hidden_layers": 3000}), SMALL_GPU, EngineOptions())) == []


def test_the_cpu_can_only_have_a_shorter_context() -> None:
    found = predict(model(), CPU, EngineOptions(cache_bytes=1 << 20))
    assert [remedy.flags for remedy in find_remedies(found)] == [("--max-model-len=1920",)]
    assert why_not(found) == "4,096 tokens of context do not fit into a KV cache of 0.0 GiB; 1,920 do"


def test_the_smallest_number_of_gpus() -> None:
    found = smallest(model({**LONG_EIGHT, "num_hidden_layers": 80}), SMALL_GPU, EngineOptions(max_model_len=8192, pipeline_parallel=2))
    assert found and (found.options.tensor_parallel, found.options.pipeline_parallel) == (2, 1)


def test_flags_of_a_prediction_that_fits() -> None:
    options = EngineOptions(tensor_parallel=2, cache_dtype="fp8", max_model_len=8192, utilization=0.9)
    assert recommended_flags(predict(model(LONG_EIGHT), GPU, options)) == (
        "--tensor-parallel-size=2", "--gpu-memory-utilization=0.9", "--max-model-len=8192", "--kv-cache-dtype=fp8",
    )  # fmt: skip


def test_a_survey_names_a_number_for_each_gpu_or_none() -> None:
    found = {
        device.name: prediction.options.gpus if prediction else None for device, prediction in survey(model(LONG_EIGHT), EngineOptions())
    }
    assert found == {
        "RTX 4090": 8, "RTX 5090": 8, "RTX PRO 6000": 2, "GB10": 2, "A100": 4, "H100": 4, "H200": 2, "B200": 1, "MI300X": 1,
    }  # fmt: skip


def test_contexts_are_rounded_to_whole_thousands() -> None:
    assert [rounded_context(tokens) for tokens in (900, 4096, 5000, 131073)] == [900, 4096, 4096, 131072]
