"""The file that Python imports by itself in every process of a part."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


def write_sdk(folder: Path, package: str, init: str) -> str:
    """A package of OpenAI's SDK with a module for each of two names; gives the folder that it is in."""
    inner = folder / "openai" / package
    inner.mkdir(parents=True)
    (folder / "openai/__init__.py").touch()
    for name in ("one", "two"):
        (inner / f"{name}.py").write_text(f"print('loaded {name}')\nclass {name.title()}: pass\n")
    (inner / "__init__.py").write_text(init)
    return str(folder)


REEXPORTS = "from __future__ import annotations\nfrom .one import One as One\nfrom .two import (\n    Two as Second,\n)\n"


def test_of_openais_types_those_are_loaded_that_somebody_asks_for(tmp_path: Path) -> None:
    sdk = write_sdk(tmp_path, "types", f"{REEXPORTS}__all__ = ['One', 'Second']\n")

    assert run("from openai import types; print(types.__all__); from openai.types import One", sdk) == "['One', 'Second']\nloaded one\n"
    assert (
        run("from openai.types import *; print(One.__module__, Second.__name__)", sdk) == "loaded one\nloaded two\nopenai.types.one Two\n"
    )
    said = run("import openai.types\ntry: openai.types.Third\nexcept AttributeError as error: print(error)", sdk)
    assert said == "module 'openai.types' has no attribute 'Third'\n"


@pytest.mark.parametrize(
    "init",
    [
        f"{REEXPORTS}class Third(One): pass\n",
        "from .one import *\nfrom .two import Two\n",
        "from .one import One as two\nfrom .two import Two\n",
    ],
    ids=["that does more", "that hands on everything", "that calls a thing by a module's name"],
)
def test_a_package_of_openais_is_loaded_whole(tmp_path: Path, init: str) -> None:
    assert run("import openai.types", write_sdk(tmp_path, "types", init)) == "loaded one\nloaded two\n"


def test_other_packages_of_openais_are_loaded_as_ever(tmp_path: Path) -> None:
    assert run("import openai.lib", write_sdk(tmp_path, "lib", REEXPORTS)) == "loaded one\nloaded two\n"
