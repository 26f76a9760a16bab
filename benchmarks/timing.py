"""What the benchmarks share: timing whole processes, medians, and a table."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def process_seconds(argv: Sequence[str]) -> float:
    """Wall-clock seconds of one run of a command, from fork to exit."""
    started = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def print_table(title: str, rows: Sequence[tuple[str, Sequence[float]]], limits: dict[str, float]) -> None:
    """One row per measurement: median, smallest and largest seconds, and the limit it is held against."""
    print(f"\n{title}")
    print(f"{'':52}{'median s':>10}{'min':>9}{'max':>9}{'limit':>9}  runs")
    for name, seconds in rows:
        limit = f"{limits[name]:.2f}" if name in limits else ""
        print(f"{name:52}{statistics.median(seconds):>10.3f}{min(seconds):>9.3f}{max(seconds):>9.3f}{limit:>9}  {len(seconds)}")
