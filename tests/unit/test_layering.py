"""The imports go one way: from the command line down to the errors, and never sideways."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "slipway"

# A module may import from the rows below its own; from its own row, only within the same folder.
ROWS = (
    ("cli",),
    ("clients",),
    ("launchers",),
    ("observe",),
    ("database",),
    ("container",),
    ("explain", "process", "render"),
    ("gateway", "memory"),
    ("engines",),
    ("plan",),
    ("admission", "authoring"),
    ("configuration",),
    ("recipe",),
    ("recipe_checks", "model_schema"),
    ("model_file", "overlay"),
    ("command", "resolve", "requirements"),
    ("parameters",),
    ("typed_values",),
    ("layers", "fit"),
    ("settings", "yaml_document", "flags"),
    ("secrets",),
    ("hardware", "paths"),
    ("gpus",),
    ("errors",),
)
ROW = {room: len(ROWS) - number for number, rooms in enumerate(ROWS) for room in rooms}

# Imports between modules of one folder; elsewhere in that folder they are siblings that know nothing of each other.
SHARED = {
    "launchers": {"access", "base", "environments", "leftovers", "lock", "ports", "prisma_client", "startup", "supervisor"},
    "engines": {"base", "config_file", "preflight", "renames", "schema"},
}

# Run inside the vLLM image too, with that image's Python.
PURE = (
    "errors", "secrets", "settings", "flags", "yaml_document", "layers", "resolve", "command", "recipe", "configuration",
    "model_file", "overlay", "recipe_checks", "requirements", "gpus", "hardware", "plan", "paths", "engines", "engines.base",
    "engines.preflight", "engines.vllm", "gateway.config", "gateway.outage", "render", "container", "cli.generate",
    "fit", "fit.advice", "fit.facts", "fit.host", "fit.hub", "fit.report", "fit.subject",
)  # fmt: skip
ALLOWED = {
    "slipway", "yaml", "_yaml", "jinja2", "markupsafe", "dotenv", "pydantic", "pydantic_core", "annotated_types",
    "typing_extensions", "typing_inspection",
}  # fmt: skip


def modules() -> list[str]:
    return sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py"))


def own_imports(module: str) -> Iterator[str]:
    """Names of the slipway modules that a module imports, wherever in its text."""
    path = PACKAGE / (module.replace(".", "/") + ".py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("slipway.") for alias in node.names if alias.name.startswith("slipway."))
        elif isinstance(node, ast.ImportFrom) and node.module == "slipway":
            yield from (alias.name for alias in node.names if alias.name != "__version__")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("slipway."):
            name = (node.module or "").removeprefix("slipway.")
            within = [f"{name}.{alias.name}" for alias in node.names]
            yield from [inner if (PACKAGE / (inner.replace(".", "/") + ".py")).exists() else name for inner in within]


def room(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_has_a_row() -> None:
    # startup/ is no part of the package: Python imports its file by itself, inside the parts' processes
    assert {room(module) for module in modules()} - {"__init__", "__main__", "startup"} == set(ROW)


@pytest.mark.parametrize("module", [name for name in modules() if room(name) in ROW])
def test_a_module_imports_only_from_the_rows_below(module: str) -> None:
    upwards = {
        name
        for name in own_imports(module)
        if ROW[room(name)] > ROW[room(module)] or (ROW[room(name)] == ROW[room(module)] and room(name) != room(module))
    }
    assert upwards == set()


@pytest.mark.parametrize("module", [name for name in modules() if room(name) in SHARED and not name.endswith("__init__")])
def test_launchers_and_engines_know_nothing_of_their_siblings(module: str) -> None:
    folder, _, own = module.partition(".")
    family = own.partition("_")[0]
    siblings = {name.partition(".")[2] for name in own_imports(module) if room(name) == folder and name != folder}
    foreign = {name for name in siblings if name not in SHARED[folder] and name.partition("_")[0] != family}
    assert foreign == set()


def test_only_process_starts_processes() -> None:
    def starts(module: str) -> bool:
        text = (PACKAGE / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
        return any(
            (isinstance(node, ast.Import) and any(alias.name == "subprocess" for alias in node.names))
            or (isinstance(node, ast.ImportFrom) and node.module == "subprocess")
            or (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "os"
                and node.attr in ("system", "popen")
            )
            for node in ast.walk(ast.parse(text))
        )

    assert [module for module in modules() if starts(module)] == ["process"]


def test_nothing_below_the_command_line_prints_or_exits() -> None:
    def calls(module: str) -> list[str]:
        tree = ast.parse((PACKAGE / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
        names = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        return [name for name in names if name in ("print", "exit", "sys.exit", "os._exit")]

    assert {module: calls(module) for module in modules() if room(module) not in ("cli", "__main__") and calls(module)} == {}


IMPORT_BARELY = textwrap.dedent(
    """
    import importlib, sys

    allowed = set(sys.argv[1].split(","))

    class Block:
        def find_spec(self, name, path=None, target=None):
            top = name.partition(".")[0]
            if top not in allowed and top not in sys.stdlib_module_names and not top.startswith("_sysconfigdata"):
                raise ImportError(f"{name} is not there inside the engine's image")

    sys.meta_path.insert(0, Block())
    importlib.import_module(sys.argv[2])
    """
)


def import_barely(module: str, allowed: set[str]) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", IMPORT_BARELY, ",".join(sorted(allowed)), module]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_the_pure_modules_import_with_nothing_but_their_four_libraries() -> None:
    script = IMPORT_BARELY + "\nfor name in sys.argv[3].split(','): importlib.import_module(name)\n"
    names = ",".join(f"slipway.{name}" for name in PURE)
    argv = [sys.executable, "-c", script, ",".join(sorted(ALLOWED)), "slipway", names]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_import_blocker_does_block() -> None:
    done = import_barely("slipway.cli.main", ALLOWED)
    assert done.returncode == 1
    assert done.stderr.endswith("ImportError: click is not there inside the engine's image\n")
