"""The memory of the CPU engine: what vLLM counts of a machine, a memory node and a control group."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.fit.host import read_cpu
from slipway.fit.prediction import Host

MACHINE = {"proc/meminfo": "MemTotal:       1000 kB\nMemFree: 5 kB\n", "proc/cpuinfo": "flags: avx512_bf16 amx_tile\n"}
NODE, NEW, OLD = "sys/devices/system/node/node0/meminfo", "sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"


@pytest.mark.parametrize(
    ("files", "memory"),
    [
        ({}, 1000 * 1024),
        ({NODE: "Node 0 MemTotal:        600 kB\n"}, 600 * 1024),
        ({NEW: "max\n"}, 1000 * 1024),
        ({NEW: "300000\n"}, 300000),
        ({OLD: "9223372036854771712\n"}, 1000 * 1024),
        ({OLD: "300000\n", NODE: "Node 0 MemTotal:        600 kB\n"}, 300000),
        ({NEW: "900000000\n", NODE: "Node 0 MemTotal:        600 kB\n"}, 600 * 1024),
    ],
)
def test_the_memory_is_the_first_node_s_and_at_most_the_control_group_s(tmp_path: Path, files: dict[str, str], memory: int) -> None:
    for name, text in {**MACHINE, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    device, host = read_cpu(tmp_path / "proc", tmp_path / "sys")
    assert device
    assert (device.memory, host) == (memory, Host(bf16=True, amx=True))


def test_a_machine_that_does_not_say_has_no_device(tmp_path: Path) -> None:
    assert read_cpu(tmp_path, tmp_path) == (None, Host())
