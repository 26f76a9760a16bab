"""The query engine's own tests, which Node.js runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .sandbox import CHECKOUT


def test_the_query_engines_javascript_tests_pass(gateway_folder: Path, prisma_dir: Path) -> None:
    files = sorted((CHECKOUT / "tests/unit/gateway/prisma").glob("*.test.mjs"))
    assert files
    env = {**os.environ, "PATH": f"{gateway_folder}/bin:{os.environ['PATH']}", "SLIPWAY_PRISMA_DIR": str(prisma_dir)}
    run = subprocess.run(["node", "--test", *files], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
