"""GPUs are counted from /proc and /dev."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.gpus import GIB, Gpu
from slipway.hardware import Hardware, Wish, ask_nvml, read_hardware


def machine(root: Path, *, proc_gpus: int = 0, model: str = "", dev: tuple[str, ...] = ()) -> Path:
    (root / "proc").mkdir()
    (root / "dev").mkdir()
    for number in range(proc_gpus):
        gpu = root / f"proc/driver/nvidia/gpus/0000:0{number}:00.0"
        gpu.mkdir(parents=True)
        if model:
            (gpu / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 31\n")
    for name in dev:
        (root / "dev" / name).touch()
    return root / "proc"


def test_gpus_are_counted_in_proc(tmp_path: Path) -> None:
    assert read_hardware(Wish(), machine(tmp_path, proc_gpus=2)) == Hardware("cuda", 2)


def test_device_files_count_where_a_container_hides_proc(tmp_path: Path) -> None:
    proc = machine(tmp_path, dev=("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"))
    assert read_hardware(Wish(), proc) == Hardware("cuda", 2)


def test_a_machine_without_a_gpu_computes_on_its_cpu(tmp_path: Path) -> None:
    assert read_hardware(Wish(), machine(tmp_path)) == Hardware("cpu", 0)


@pytest.mark.parametrize(("wanted", "expected"), [("cpu", Hardware("cpu", 0)), ("cuda", Hardware("cuda", 2))])
def test_a_wish_beats_what_is_found(tmp_path: Path, wanted: str, expected: Hardware) -> None:
    assert read_hardware(Wish(wanted), machine(tmp_path, proc_gpus=2)) == expected


def test_a_gpu_that_is_wished_for_is_planned_for_without_one(tmp_path: Path) -> None:
    assert read_hardware(Wish("cuda"), machine(tmp_path)) == Hardware("cuda", 0)


@pytest.mark.parametrize(("mask", "cores"), [("3", 2), ("ffff,ffffffff", 48), ("0000000a", 2)])
def test_the_cores_that_a_process_may_use_are_counted(tmp_path: Path, mask: str, cores: int) -> None:
    proc = machine(tmp_path)
    (proc / "self").mkdir()
    (proc / "self/status").write_text(f"Name:\tpython3\nCpus_allowed:\t{mask}\nCpus_allowed_list:\t0-1\n")
    assert read_hardware(Wish(), proc) == Hardware("cpu", cores=cores)


def driver(*gpus: Gpu) -> Callable[[], list[Gpu]]:
    return lambda: list(gpus)


def test_the_driver_says_what_the_gpus_are(tmp_path: Path) -> None:
    h100 = Gpu("NVIDIA H100 80GB HBM3", 79 * GIB, 9.0)
    hardware = read_hardware(Wish(), machine(tmp_path, proc_gpus=2, model="NVIDIA H100 80GB HBM3"), driver(h100, h100))
    assert hardware == Hardware("cuda", 2, h100)
    assert hardware.names == ("hopper", "h100")


def test_the_gpu_with_the_least_memory_describes_a_mixed_machine(tmp_path: Path) -> None:
    small, large = Gpu("NVIDIA L4", 22 * GIB, 8.9), Gpu("NVIDIA H100", 79 * GIB, 9.0)
    assert read_hardware(Wish(), machine(tmp_path, proc_gpus=2), driver(large, small)) == Hardware("cuda", 2, small)


def test_memory_that_the_driver_does_not_tell_is_that_of_the_known_gpu(tmp_path: Path) -> None:
    hardware = read_hardware(Wish(), machine(tmp_path, proc_gpus=1), driver(Gpu("NVIDIA GB10", 0, 12.1)))
    assert hardware == Hardware("cuda", 1, Gpu("NVIDIA GB10", int(119.61 * GIB), 12.1))


def test_proc_names_the_gpu_where_the_driver_s_library_is_missing(tmp_path: Path) -> None:
    hardware = read_hardware(Wish(), machine(tmp_path, proc_gpus=1, model="NVIDIA L40S"), driver())
    assert hardware == Hardware("cuda", 1, Gpu("NVIDIA L40S", int(44.39 * GIB), 8.9))


def test_a_gpu_that_is_wished_for_stands_in_for_the_machine(tmp_path: Path) -> None:
    h200 = Gpu("h200", int(139.72 * GIB), 9.0)
    assert read_hardware(Wish(gpu="h200", gpus=8), machine(tmp_path)) == Hardware("cuda", 8, h200)
    assert read_hardware(Wish("cpu", "h200"), tmp_path / "proc") == Hardware("cpu")


def test_the_driver_s_library_is_asked_and_its_absence_is_no_error() -> None:
    assert ask_nvml() == [] or all(gpu.name and gpu.capability for gpu in ask_nvml())


class Library:
    """NVIDIA's management library as a C program would see it: results go where the pointers point."""

    def __init__(self, init: int = 0) -> None:
        self.init, self.ended = init, False

    def nvmlInit_v2(self) -> int:
        return self.init

    def nvmlShutdown(self) -> int:
        self.ended = True
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, device: Any) -> int:
        device._obj.value = 100 + index.value
        return 0

    def nvmlDeviceGetName(self, device: Any, name: Any, size: Any) -> int:
        name.value = {100: b"NVIDIA H100 80GB HBM3", 101: b"NVIDIA GB10"}[device.value]
        return 0

    def nvmlDeviceGetMemoryInfo(self, device: Any, memory: Any) -> int:
        if device.value == 101:
            return 3  # not supported: its memory is the machine's
        memory._obj[:] = (79 * GIB, 78 * GIB, GIB)  # total, free, used
        return 0

    def nvmlDeviceGetCudaComputeCapability(self, device: Any, major: Any, minor: Any) -> int:
        major._obj.value, minor._obj.value = {100: (9, 0), 101: (12, 1)}[device.value]
        return 0


def test_the_driver_s_library_describes_each_gpu() -> None:
    library = Library()
    assert ask_nvml(lambda: library) == [Gpu("NVIDIA H100 80GB HBM3", 79 * GIB, 9.0), Gpu("NVIDIA GB10", 0, 12.1)]
    assert library.ended


def test_a_driver_that_does_not_start_says_nothing() -> None:
    assert ask_nvml(lambda: Library(init=9)) == []
