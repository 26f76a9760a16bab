"""What the engine can compute on; detection reads the machine, everything else is a plain value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Hardware:
    """`device` is cuda or cpu, `gpus` the number of devices."""

    device: str
    gpus: int = 0


def read_hardware(wanted: str = "auto", proc: Path = Path("/proc")) -> Hardware:
    """Look for NVIDIA GPUs in /proc, which needs neither nvidia-smi nor a CUDA library; `wanted` overrides."""
    folder = proc / "driver/nvidia/gpus"
    gpus = len(list(folder.iterdir())) if folder.is_dir() else 0
    if not gpus and (proc.parent / "dev/nvidia0").exists():
        gpus = len(list((proc.parent / "dev").glob("nvidia[0-9]*")))
    if wanted == "auto":
        return Hardware("cuda", gpus) if gpus else Hardware("cpu")
    return Hardware(wanted, gpus if wanted == "cuda" else 0)
