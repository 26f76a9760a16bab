"""What of this machine the CPU engine's memory depends on. Reads /proc and /sys only."""

from __future__ import annotations

import re
from pathlib import Path

from slipway.fit.devices import Device
from slipway.fit.prediction import Host

# where a container, or any other control group that is its own root, finds its limit: versions 2 and 1
_LIMITS = ("fs/cgroup/memory.max", "fs/cgroup/memory/memory.limit_in_bytes")


def read_cpu(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> tuple[Device | None, Host]:
    """The CPU engine's device, of which vLLM takes a share as it would of a GPU; None where the machine does not say.

    Its memory is what vLLM counts (vllm/utils/cpu_resource_utils.py, get_memory_node_info): that of the first memory node, or of
    the machine where there are no nodes; at most the limit of the control group.
    """
    total = _kilobytes(sys / "devices/system/node/node0/meminfo") or _kilobytes(proc / "meminfo")
    limits = [int(text) for name in _LIMITS if (text := _read(sys / name).strip()).isdecimal()]
    flags = _read(proc / "cpuinfo")
    host = Host(bf16="avx512_bf16" in flags, amx="amx_tile" in flags)
    return (Device("CPU", min([total * 1024, *limits]), kind="cpu") if total else None), host


def _kilobytes(meminfo: Path) -> int:
    found = re.search(r"MemTotal:\s*(\d+) kB", _read(meminfo))
    return int(found[1]) if found else 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
