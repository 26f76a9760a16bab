"""GPUs are counted from /proc and /dev."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.hardware import Hardware, read_hardware


def machine(root: Path, *, proc_gpus: int = 0, dev: tuple[str, ...] = ()) -> Path:
    (root / "proc").mkdir()
    (root / "dev").mkdir()
    for number in range(proc_gpus):
        (root / f"proc/driver/nvidia/gpus/0000:0{number}:00.0").mkdir(parents=True)
    for name in dev:
        (root / "dev" / name).touch()
    return root / "proc"


def test_gpus_are_counted_in_proc(tmp_path: Path) -> None:
    assert read_hardware("auto", machine(tmp_path, proc_gpus=2)) == Hardware("cuda", 2)


def test_device_files_count_where_a_container_hides_proc(tmp_path: Path) -> None:
    proc = machine(tmp_path, dev=("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"))
    assert read_hardware("auto", proc) == Hardware("cuda", 2)


def test_a_machine_without_a_gpu_computes_on_its_cpu(tmp_path: Path) -> None:
    assert read_hardware("auto", machine(tmp_path)) == Hardware("cpu", 0)


@pytest.mark.parametrize(("wanted", "expected"), [("cpu", Hardware("cpu", 0)), ("cuda", Hardware("cuda", 2))])
def test_a_wish_beats_what_is_found(tmp_path: Path, wanted: str, expected: Hardware) -> None:
    assert read_hardware(wanted, machine(tmp_path, proc_gpus=2)) == expected


def test_a_gpu_that_is_wished_for_is_planned_for_without_one(tmp_path: Path) -> None:
    assert read_hardware("cuda", machine(tmp_path)) == Hardware("cuda", 0)
