"""GPUs by name and by size."""

from __future__ import annotations

import pytest

from slipway.gpus import GIB, HARDWARE_NAMES, Gpu, hardware_names, known_gpu, parse_gpu, parse_memory


@pytest.mark.parametrize(
    ("text", "size"), [("80GB", 80 * 10**9), ("75 GiB", 75 * GIB), ("0.5tb", 5 * 10**11), ("512MiB", 512 << 20), ("1.5 TiB", 1536 * GIB)]
)
def test_memory_is_decimal_or_binary_as_its_unit_says(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["80", "80G", "GB", "-1GB", "80 giga", ""])
def test_a_size_without_a_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size such as 80GB or 75GiB, not "):
        parse_memory(text)


@pytest.mark.parametrize(
    ("name", "known", "names"),
    [
        ("NVIDIA H100 80GB HBM3", "h100", ("hopper", "h100")),
        ("NVIDIA H100 NVL", "h100 nvl", ("hopper", "h100-nvl")),
        ("NVIDIA A100-SXM4-40GB", "a100 40gb", ("ampere", "a100-40gb")),
        ("NVIDIA GeForce RTX 4090", "rtx 4090", ("ada", "rtx-4090")),
        ("NVIDIA L40S", "l40s", ("ada", "l40s")),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "rtx pro 6000", ("blackwell", "rtx-pro-6000")),
        ("NVIDIA RTX 6000 Ada Generation", "rtx 6000 ada", ("ada", "rtx-6000-ada")),
        ("NVIDIA GB10", "gb10", ("blackwell", "gb10")),
        ("DGX Spark", "gb10", ("blackwell", "gb10")),
        ("4090", "rtx 4090", ("ada", "rtx-4090")),
        ("NVIDIA GB300", "gb300", ("blackwell", "gb300")),
    ],
)
def test_a_gpu_is_known_by_the_driver_s_name_and_by_people_s(name: str, known: str, names: tuple[str, ...]) -> None:
    found = known_gpu(name)
    assert found is not None
    assert (found.name, hardware_names("cuda", found)) == (known, names)


def test_a_gpu_that_nobody_knows_has_its_generation_only() -> None:
    assert known_gpu("NVIDIA Quux 9000") is None
    assert hardware_names("cuda", Gpu("NVIDIA Quux 9000", 0, 10.0)) == ("blackwell",)
    assert hardware_names("cuda", Gpu("NVIDIA Quux 9000")) == ()
    assert (hardware_names("cuda", None), hardware_names("cpu", None)) == ((), ("cpu",))


def test_a_size_is_a_gpu_without_a_name() -> None:
    assert parse_gpu("141GiB") == Gpu("141GiB", 141 * GIB)
    with pytest.raises(ValueError, match="must be a GPU such as h200 or 'rtx 4090', or a size such as 80GiB, not 'quux'"):
        parse_gpu("quux")


def test_every_name_is_found_by_itself() -> None:
    for name in HARDWARE_NAMES[HARDWARE_NAMES.index("blackwell") + 1 :]:
        found = known_gpu(name)
        assert found is not None
        assert found.name.replace(" ", "-") == name


def test_gpus_of_other_makes_are_known_by_their_memory_alone() -> None:
    assert parse_gpu("AMD Instinct MI300X") == Gpu("mi300x", int(191.69 * GIB))
    assert "mi300x" not in HARDWARE_NAMES
