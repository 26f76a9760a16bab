"""What a launch costs over the bare engine: from the command to the first streamed token, in turn.

    python -m benchmarks.launch [--runs N] [--model NAME]

Each run starts `vllm serve` with the very argv that Slipway renders, then `./runMe.sh up` twice: on an empty database
and on an existing one. The first token is looked for every 50 ms, with the same streamed request.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import httpx
import yaml

from benchmarks.timing import ROOT, print_table

_STACK = "benchmark"
_POLL = 0.05  # seconds


def first_token(url: str, started: float, process: subprocess.Popen[bytes]) -> float:
    """Seconds from `started` to the first streamed token at `url`."""
    body = {"model": "vllm_agent", "messages": [{"role": "user", "content": "Hello"}], "stream": True, "max_tokens": 8}
    headers = {"Authorization": "Bearer sk-FAKE"}
    while True:
        try:
            with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, headers=headers, timeout=60) as response:
                if response.status_code == 200 and any(line.startswith("data: ") for line in response.iter_lines()):
                    return time.perf_counter() - started
        except httpx.TransportError:
            pass
        if process.poll() not in (None, 0):
            raise SystemExit(f"the command ended with status {process.returncode} before it answered")
        time.sleep(_POLL)


def bare(argv: list[str], env: dict[str, str], port: int) -> float:
    """`vllm serve` alone."""
    started = time.perf_counter()
    process = subprocess.Popen(argv, env=os.environ | env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)
    try:
        return first_token(f"http://127.0.0.1:{port}", started, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def slipway(model: str, environ: dict[str, str], port: int) -> tuple[float, float]:
    """`./runMe.sh up`: seconds to the first token, and to its return."""
    started = time.perf_counter()
    process = subprocess.Popen([str(ROOT / "runMe.sh"), "up", model], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    token = first_token(f"http://127.0.0.1:{port}", started, process)
    process.wait()
    return token, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", default="demo")
    options = parser.parse_args()
    gateway_port, engine_port = 4977, 8977
    environ = os.environ | {"RUNTIME": "local", "STACK_NAME": _STACK, "GATEWAY_PORT": str(gateway_port), "ENGINE_PORT": str(engine_port)}
    down = [str(ROOT / "runMe.sh"), "down"]
    subprocess.run([str(ROOT / "runMe.sh"), "prepare", options.model], env=environ, check=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [str(ROOT / "runMe.sh"), "render", options.model, "--to", folder], env=environ, check=True, stdout=subprocess.DEVNULL
        )
        engine = yaml.safe_load((Path(folder) / "models.yml").read_text())["engines"][0]
        engine["env"]["VLLM_RPC_BASE_PATH"] = folder
        del engine["env"]["PYTHONPATH"]  # Slipway's, and part of what is measured
        rows: dict[str, list[float]] = {name: [] for name in ("bare", "empty", "empty up", "existing", "existing up")}
        for _ in range(options.runs):
            rows["bare"].append(bare(engine["command"], engine["env"], engine_port))
            subprocess.run([*down, "--volumes"], env=environ, check=True, stdout=subprocess.DEVNULL)
            for name in ("empty", "existing"):
                token, returned = slipway(options.model, environ, gateway_port)
                rows[name].append(token)
                rows[f"{name} up"].append(returned)
                subprocess.run(down, env=environ, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*down, "--volumes"], env=environ, check=True, stdout=subprocess.DEVNULL)
    named = [
        ("vllm serve alone, to the first token", rows["bare"]),
        ("./runMe.sh, empty database, to the first token", rows["empty"]),
        ("./runMe.sh, existing database, to the first token", rows["existing"]),
        ("./runMe.sh, empty database, until it returns", rows["empty up"]),
        ("./runMe.sh, existing database, until it returns", rows["existing up"]),
        ("overhead, empty database, run by run", [a - b for a, b in zip(rows["empty"], rows["bare"], strict=True)]),
        ("overhead, existing database, run by run", [a - b for a, b in zip(rows["existing"], rows["bare"], strict=True)]),
    ]
    print_table("launch", named, {named[5][0]: 3.0, named[6][0]: 3.0})


if __name__ == "__main__":
    main()
