"""What the gateway costs: an engine alone, LiteLLM in front of it, and Slipway's lane, in one run on one machine.

    python -m benchmarks.gateway [--parts paced,unpaced,plain,idle] [--streams 1,16,64,256] [--seconds S] [--svg FILE]

The engine is a stub that costs next to nothing (`stub_engine.py`): what is measured is the gateway. Gateways are those of a stack
that is launched for this (`./runMe.sh up demo`), started again with the stub for an engine: real LiteLLM, PostgreSQL, virtual key,
spend rows. One worker. Load generator, stub and gateway share the machine; CPU is each process's own, from the kernel's counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.gateway_chart import draw_chart
from benchmarks.gateway_process import Gateway, gateway_python, launched_stack
from benchmarks.timing import ROOT

_TOKENS = 256
_SHORT = 16  # tokens of an answer where one client paces: more of its requests begin while it is measured
_PARTS = {"paced": 20, "unpaced": 0, "plain": 0, "idle": 1000}  # milliseconds between two tokens
_WARM = 1.5  # seconds of each load that do not count


@dataclass(frozen=True)
class Row:
    """One measurement. Times in milliseconds, memory in MB, CPU in cores."""

    part: str
    streams: int
    target: str
    events: float
    requests: float
    first_median: float
    first_99: float
    errors: int
    cores: float = 0
    memory: float = 0


@contextlib.contextmanager
def stub(port: int) -> Iterator[str]:
    """Run the stub; gives its address."""
    argv = [gateway_python(), "-m", "benchmarks.stub_engine", "--port", str(port), "--tokens", str(_TOKENS)]
    process = subprocess.Popen(argv, cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def measure(part: str, streams: int, target: str, url: str, key: str, seconds: float, process: psutil.Process | None) -> Row:
    """One load on one target, once that has dealt with what an earlier load has left behind."""
    _settle(process)
    argv = [gateway_python(), "-m", "benchmarks.load", "--url", url, "--key", key, "--streams", str(streams), "--seconds", str(seconds)]
    argv += ["--warm", str(_WARM)] + (["--plain"] if part == "plain" else ["--pause", str(_PARTS[part])])
    if part == "paced" and streams == 1:
        argv += ["--tokens", str(_SHORT)]
    before = _cpu(process)
    text, memory = _load(argv, process)
    used = _cpu(process) - before
    found: dict[str, Any] = json.loads(text)
    if found["errors"]:
        print(f"  {target} {part} {streams}: {found['errors']} errors: {found['note'][:300]}", file=sys.stderr)
    first = found["first"] or [0.0]
    return Row(
        part, streams, target, found["events_per_s"], found["requests_per_s"], statistics.median(first) * 1000,
        first[min(len(first) - 1, int(len(first) * 0.99))] * 1000, found["errors"], used / (seconds + _WARM),
        memory / 1e6,
    )  # fmt: skip


def _load(argv: list[str], process: psutil.Process | None) -> tuple[str, int]:
    """What the load prints, and the most memory in bytes that `process` has meanwhile, with all streams open."""
    memory = 0
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as load:
        while True:
            memory = max(memory, process.memory_info().rss if process else 0)
            with contextlib.suppress(subprocess.TimeoutExpired):
                text = load.communicate(timeout=0.2)[0]
                break
    if load.returncode:
        raise SystemExit(f"the load ended with {load.returncode}")
    return text, memory


def _settle(process: psutil.Process | None) -> None:
    for _ in range(100):
        if not process or process.cpu_percent(interval=0.3) < 15:
            return
    raise SystemExit("the gateway is still busy 30 s after a load has ended")


def _cpu(process: psutil.Process | None) -> float:
    times = process.cpu_times() if process else None
    return times.user + times.system if times else 0.0


def run(options: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    parts, streams = options.parts.split(","), [int(count) for count in options.streams.split(",")]
    loads = [(part, count) for part in parts for count in ([1000] if part == "idle" else streams)]
    with launched_stack(options.port) as stack, stub(options.port + 10) as engine, tempfile.TemporaryDirectory() as folder:
        key = stack.make_key()
        for target in options.targets.split(","):
            if target == "direct":
                rows += [_shown(measure(part, count, target, engine, "none", options.seconds, None)) for part, count in loads]
                continue
            gateway = Gateway(stack, Path(folder), options.port + 20, engine, stock=target == "stock")
            with gateway.running() as process:
                for part in parts:
                    measure(part, 4, target, gateway.url, key, 1, process)  # nobody's first requests count
                rows += [_shown(measure(part, count, target, gateway.url, key, options.seconds, process)) for part, count in loads]
    return rows


def _shown(row: Row) -> Row:
    print(f"  {row.target:8} {row.part:8} {row.streams:5} {row.events:12,.0f} events/s {row.requests:9,.1f} requests/s", file=sys.stderr)
    return row


def print_rows(rows: list[Row]) -> None:
    """The table, each gateway beside the engine alone."""
    direct = {(row.part, row.streams): row for row in rows if row.target == "direct"}
    print("| load | streams | target | events/s | requests/s | of direct | first token, median | 99 % | added | per core | MB | errors |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: (list(_PARTS).index(row.part), row.streams, ("direct", "stock", "slipway").index(row.target))):
        beside = direct.get((row.part, row.streams))
        rate, unit = (row.requests, "requests/s") if row.part == "plain" else (row.events, "events/s")
        whole = (beside.requests if row.part == "plain" else beside.events) if beside else 0
        print(
            f"| {row.part} | {row.streams} | {row.target} | {row.events:,.0f} | {row.requests:,.1f} | {rate / whole if whole else 0:.1%} "
            f"| {row.first_median:.1f} ms | {row.first_99:.1f} ms | {row.first_median - beside.first_median if beside else 0:.1f} ms "
            f"| {f'{rate / row.cores:,.0f} {unit}' if row.cores else ''} | {f'{row.memory:.0f}' if row.memory else ''} | {row.errors} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(_PARTS))
    parser.add_argument("--targets", default="direct,stock,slipway")
    parser.add_argument("--streams", default="1,16,64,256")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--port", type=int, default=4900, help="the first of 30 ports")
    parser.add_argument("--json", type=Path, help="keep the figures in this file, adding to those of earlier runs")
    parser.add_argument("--svg", type=Path, help="draw the figures into this file")
    options = parser.parse_args()
    rows = run(options)
    if options.json:
        earlier = [Row(**item) for item in json.loads(options.json.read_text())] if options.json.exists() else []
        again = {(row.part, row.streams, row.target) for row in rows}
        rows = [row for row in earlier if (row.part, row.streams, row.target) not in again] + rows
        options.json.write_text(json.dumps([row.__dict__ for row in rows], indent=1) + "\n")
    print_rows(rows)
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    if options.svg:
        options.svg.write_text(draw_chart([row.__dict__ for row in rows]))


if __name__ == "__main__":
    main()
