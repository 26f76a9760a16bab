from __future__ import annotations

from dataclasses import replace

import pytest

from slipway.fit.cache import Request
from slipway.fit.engine import EngineOptions, flag_values, read_options
from slipway.fit.subject import Subject, changed, read_subject
from slipway.gpus import GIB
from tests.unit.fit.building import CPU, GPU


def test_flags_in_every_spelling() -> None:
    tokens = ["-tp", "2", "--max_model_len=64K", "--kv-cache-dtype", "fp8", "--enforce-eager", "--max-num-seqs", "32"]
    assert flag_values(tokens) == {
        "--tensor-parallel-size": "2",
        "--max-model-len": "64K",
        "--kv-cache-dtype": "fp8",
        "--enforce-eager": "",
        "--max-num-seqs": "32",
    }


def test_options_of_a_command() -> None:
    flags = {
        "--tensor-parallel-size": "2", "--max-model-len": "64K", "--kv-cache-dtype": "fp8", "--no-enable-prefix-caching": "",
        "--gpu-memory-utilization": "0.9", "--speculative-config": '{"method": "mtp", "num_speculative_tokens": 3}',
        "--disable-hybrid-kv-cache-manager": "", "--block-size": "32",
    }  # fmt: skip
    assert read_options(flags) == EngineOptions(
        tensor_parallel=2, max_model_len=65536, cache_dtype="fp8", prefix_caching=False, utilization=0.9, draft="mtp", draft_tokens=3,
        hybrid_manager=False, block=32,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "tokens"), [("8192", 8192), ("8k", 8000), ("8K", 8192), ("1.5k", 1500), ("auto", 0), ("-1", 0), ("much", 0)]
)
def test_lengths_as_vllm_reads_them(text: str, tokens: int) -> None:
    assert read_options({"--max-model-len": text}).max_model_len == tokens


def test_what_does_not_parse_counts_as_not_given() -> None:
    assert read_options({"--gpu-memory-utilization": "lots", "--speculative-config": "{", "--tensor-parallel-size": ""}) == EngineOptions()


def test_the_cpu_s_cache_may_come_from_the_environment() -> None:
    assert read_options({}, {"VLLM_CPU_KVCACHE_SPACE": "4"}).cache_bytes == 4 * GIB


@pytest.mark.parametrize(
    ("device", "batched", "sequences"),
    [
        (replace(GPU, memory=24 * GIB), 2048, 256),
        (replace(GPU, memory=80 * GIB), 8192, 1024),
        (replace(GPU, memory=79 * GIB, name="A100"), 2048, 256),
        (replace(GPU, memory=178 * GIB), 16384, 1024),
        (CPU, 2048, 128),
    ],
)
def test_batches_follow_the_device(device: object, batched: int, sequences: int) -> None:
    assert isinstance(device, type(GPU))
    assert EngineOptions().batched_tokens(device, 100_000) == batched
    assert EngineOptions().sequences(device) == sequences


def test_what_is_in_flight() -> None:
    assert EngineOptions().request(GPU, 4096) == Request(4096, 2 * 8192)
    assert EngineOptions(async_scheduling=False).request(GPU, 4096) == Request(4096, 8192)
    assert EngineOptions(pipeline_parallel=2, max_batched_tokens=100).request(GPU, 4096) == Request(4096, 300)
    assert EngineOptions().request(CPU, 4096) == Request(4096, 2048)
    assert EngineOptions().request(CPU, 4096, chunked=False) == Request(4096, 4096)


def test_a_planned_engine_and_changes_to_it() -> None:
    subject = read_subject(("/env/bin/vllm", "serve", "a/model", "-dp", "4", "--max-model-len", "8192"), {})
    assert subject == Subject("a/model", EngineOptions(data_parallel=4, max_model_len=8192))
    assert changed(subject) == subject
    assert changed(subject, gpus=2, context=100, cache_dtype="fp8") == Subject(
        "a/model", EngineOptions(tensor_parallel=2, max_model_len=100, cache_dtype="fp8")
    )
