"""The file that Python imports by itself in every process of a part."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from slipway.plan import Site

ROOT = Path(__file__).resolve().parents[2]


def test_a_process_with_the_site_s_python_start_collects_garbage_rarely() -> None:
    folder = Site(root=str(ROOT), generated="", secrets="").python_start
    argv = [sys.executable, "-c", "import gc; print(gc.isenabled(), gc.get_threshold()[0])"]
    shown = subprocess.run(argv, env={"PYTHONPATH": folder}, capture_output=True, text=True, check=True).stdout

    assert shown == "True 50000\n"
