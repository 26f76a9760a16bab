"""Builds LiteLLM's database client, prisma-client-py, so that it needs no download from Prisma and starts quickly."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from slipway.gateway.config import prisma_environment
from slipway.launchers.environments import Installer
from slipway.process import Command

# What the generated types.py becomes after its common part. It describes every query of every table for type checkers:
# 10 MB and 30,000 classes that took 4.2 of the 12 s of CPU of LiteLLM's start, and that no code looks into at run time.
_ANY_TYPE = '''

def __getattr__(name: str) -> type:
    """Stands for the types of queries, which only type checkers read."""
    if name.startswith("__"):
        raise AttributeError(name)
    return dict


from . import types, enums, models, fields  # noqa: E402, F401
'''


def prisma_folder(gateway: Path) -> Path:
    """Where the query engine lives in the gateway's environment."""
    return gateway / "prisma"


def machine_has_node() -> bool:
    return bool(shutil.which("node") and shutil.which("npm"))


def find_node(gateway: Path) -> Path:
    """The Node.js that runs the query engine: the machine's, else the one that the gateway's environment gets."""
    return Path(shutil.which("node") or "") if machine_has_node() else gateway / "bin/node"


def install_query_engine(installer: Installer, sources: tuple[Path, ...], node_lock: Path) -> None:
    """Copy Slipway's query engine next to its npm packages; Node.js comes from PyPI where the machine has none."""
    folder = installer.environment.folder
    if not machine_has_node():
        installer.pip(["--no-deps", "--require-hashes", "-r", str(node_lock)], text="Node.js")
    target = prisma_folder(folder)
    target.mkdir()
    for source in sources:
        shutil.copy(source, target)
    npm = folder / "bin/npm"
    argv = (str(npm) if npm.exists() else "npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
    installer.run(Command(argv, env=_with_path(folder), cwd=target), "query engine")


def generate_client(installer: Installer) -> None:
    """Generate the client from LiteLLM's schema, which calls prisma-client-py, which is beside `prisma` on the PATH."""
    folder = installer.environment.folder
    packages = next(folder.glob("lib/python*/site-packages"))
    env = _with_path(folder) | prisma_environment(str(prisma_folder(folder)))
    prisma = str(installer.environment.executable("prisma"))
    installer.run(Command((prisma, "generate", "--schema", str(packages / "litellm/proxy/schema.prisma")), env=env), "database client")
    drop_query_types(packages / "prisma/types.py")
    # pip compiles what it installs, and this was generated: compiled at each start, it takes a second and leaves 40 MB of holes
    compile_all = (str(installer.environment.python), "-m", "compileall", "-q", str(packages / "prisma"))
    installer.run(Command(compile_all, env=env), "database client")


def drop_query_types(path: Path) -> None:
    """Cut the per-table part off a generated types.py; one of another shape is left as it is."""
    common, found, _ = path.read_text().partition("\nclass LiteLLM_")
    if found:
        path.write_text(common + _ANY_TYPE)


def _with_path(folder: Path) -> dict[str, str]:
    return dict(os.environ) | {"PATH": f"{folder}/bin:{os.environ.get('PATH', '')}"}
