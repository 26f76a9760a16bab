"""What a model requires: how it is written, and when it is not met."""

from __future__ import annotations

import pytest

from slipway.gpus import GIB, Gpu
from slipway.hardware import Hardware
from slipway.requirements import Requirements, Unmet, check_versions, image_version, unmet_by_engine, unmet_by_hardware, version_allowed

WANTED = Requirements(vllm=">=0.24", gpus=2, memory=160 * 10**9, capability=8.9, lines={"vllm": 3, "gpus": 4, "memory": 5, "capability": 6})
H100 = Gpu("NVIDIA H100", 79 * GIB, 9.0)


@pytest.mark.parametrize("text", ["0.24", ">=0.24", "==0.32.0", ">=0.24, <0.33", ">0.1,<=2", "<1"])
def test_versions_are_bounds_with_commas(text: str) -> None:
    check_versions(text)


@pytest.mark.parametrize("text", ["", "x", "0.24+", "=0.2", "~=0.2", ">=", ">=0.24,"])
def test_anything_else_is_no_bound(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a version such as '0\.24' or '>=0\.24,<0\.33', not "):
        check_versions(text)


@pytest.mark.parametrize(
    ("bounds", "version", "allowed"),
    [
        ("0.24", "0.24.0", True),
        ("0.24", "0.9.9", False),
        (">=0.24,<0.33", "0.32.0", True),
        (">=0.24,<0.33", "0.33.0", False),
        ("==0.32", "0.32.0", True),
        ("==0.32", "0.32.1", False),
        (">=0.24", "v0.24.0-ubuntu2404", True),
        (">=0.24", "v0.23.1", False),
        (">=0.24", "nightly", True),
        (">=0.24", "qwen38", True),
    ],
)
def test_a_version_is_compared_by_its_numbers_and_one_that_has_none_is_allowed(bounds: str, version: str, allowed: bool) -> None:
    assert version_allowed(bounds, version) is allowed
    assert (unmet_by_engine(Requirements(vllm=bounds), version) == []) is allowed


def test_an_engine_that_is_too_old_is_named() -> None:
    assert unmet_by_engine(WANTED, "0.23.0") == [Unmet(3, "it needs vLLM >=0.24, and 0.23.0 would run")]
    assert unmet_by_engine(WANTED, "") == []
    assert unmet_by_engine(Requirements(), "0.1") == []


def test_each_requirement_that_the_machine_does_not_meet_is_a_sentence() -> None:
    old = Hardware("cuda", 1, Gpu("NVIDIA A40", 44 * GIB, 8.6))
    assert unmet_by_hardware(WANTED, old, 1) == [
        Unmet(4, "it needs 2 GPUs, and 1 (NVIDIA A40) is here"),
        Unmet(6, "it needs a GPU of compute capability 8.9, and NVIDIA A40 has 8.6"),
        Unmet(5, "it needs 149 GiB of GPU memory, and 2 x NVIDIA A40 has 88 GiB"),
    ]


def test_a_machine_that_has_enough_meets_them_all() -> None:
    assert unmet_by_hardware(WANTED, Hardware("cuda", 2, H100), 2) == []


def test_memory_is_that_of_the_gpus_that_the_flags_use() -> None:
    wanted = Requirements(memory=160 * 10**9)
    assert unmet_by_hardware(wanted, Hardware("cuda", 8, H100), 2) == []
    assert len(unmet_by_hardware(wanted, Hardware("cuda", 8, H100), 1)) == 1


def test_the_flags_need_as_many_gpus_as_they_use() -> None:
    assert unmet_by_hardware(Requirements(), Hardware("cuda", 2, H100), 4) == [Unmet(0, "it needs 4 GPUs, and 2 (NVIDIA H100) are here")]


@pytest.mark.parametrize("hardware", [Hardware("cuda"), Hardware("cuda", 2), Hardware("cuda", 0, Gpu("a new one"))])
def test_what_is_not_known_never_blocks(hardware: Hardware) -> None:
    assert unmet_by_hardware(WANTED, hardware, 2) == []


def test_a_machine_without_a_gpu_has_none() -> None:
    assert unmet_by_hardware(WANTED, Hardware("cpu"), 2) == [Unmet(4, "it needs a GPU, and none is here")]
    assert unmet_by_hardware(Requirements(vllm="0.2"), Hardware("cpu"), 1) == []


def test_a_variant_s_requirements_stand_before_the_file_s_one_by_one() -> None:
    variant = Requirements(memory=10, capability=10.0, lines={"memory": 20, "capability": 21})
    assert variant.over(WANTED) == Requirements(
        vllm=">=0.24", gpus=2, memory=10, capability=10.0, lines={"vllm": 3, "gpus": 4, "memory": 20, "capability": 21}
    )


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("vllm/vllm-openai:v0.32.0", "0.32.0"),
        ("vllm/vllm-openai:v0.26.0-cu130@sha256:0123", "0.26.0"),
        ("registry.local:5000/vllm/vllm-openai:0.20.2", "0.20.2"),
        ("vllm/vllm-openai:v0.15.1rc1", "0.15.1"),
        ("vllm/vllm-openai:nightly", ""),
        ("vllm/vllm-openai", ""),
        ("registry.local:5000/vllm", ""),
        ("nvcr.io/nvidia/vllm:26.10-py3", ""),
        ("me/engine:v0.3.0", ""),
    ],
)
def test_an_image_s_tag_names_the_version(image: str, version: str) -> None:
    assert image_version(image) == version
