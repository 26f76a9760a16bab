"""What of this machine the CPU engine's memory depends on. Reads /proc only."""

from __future__ import annotations

import re
from pathlib import Path

from slipway.fit.devices import Device
from slipway.fit.prediction import Host


def read_cpu(proc: Path = Path("/proc")) -> tuple[Device | None, Host]:
    """The CPU engine's device, of which vLLM takes a share as it would of a GPU; None where /proc does not say."""
    total = re.search(r"^MemTotal:\s*(\d+) kB", _read(proc / "meminfo"), re.MULTILINE)
    flags = _read(proc / "cpuinfo")
    host = Host(bf16="avx512_bf16" in flags, amx="amx_tile" in flags)
    return (Device("CPU", int(total[1]) * 1024, kind="cpu") if total else None), host


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
