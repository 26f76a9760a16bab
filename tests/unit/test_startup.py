"""The file that Python imports by itself in every process of a part."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from slipway.plan import Site

ROOT = Path(__file__).resolve().parents[2]


START = Site(root=str(ROOT), generated="", secrets="").python_start


def run(code: str, *folders: str) -> str:
    """What a process of a part prints; `folders` has its packages."""
    environ = {"PYTHONPATH": ":".join((START, *folders)), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True).stdout


def test_a_process_with_the_site_s_python_start_collects_garbage_rarely() -> None:
    assert run("import gc; print(gc.isenabled(), gc.get_threshold()[0])") == "True 50000\n"


def test_what_litellm_imports_for_recordings_is_loaded_at_its_first_use(tmp_path: Path) -> None:
    (tmp_path / "soundfile.py").write_text("print('loaded')\nRATE = 8000\n")

    assert run("import soundfile; print('imported'); print(soundfile.RATE)", str(tmp_path)) == "imported\nloaded\n8000\n"


def test_where_it_is_not_installed_its_import_fails_as_ever() -> None:
    assert run("try: import soundfile\nexcept ModuleNotFoundError as error: print(error)") == "No module named 'soundfile'\n"


def test_the_command_line_of_httpx_is_as_if_it_were_not_installed(tmp_path: Path) -> None:
    (tmp_path / "httpx").mkdir()
    (tmp_path / "httpx/_main.py").write_text("print('loaded')\n")
    (tmp_path / "httpx/__init__.py").write_text("try:\n    from . import _main\nexcept ImportError:\n    print('without')\n")

    assert run("import httpx", str(tmp_path)) == "without\n"
