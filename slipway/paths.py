"""Where a stack keeps its things on this machine."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import SetupError

_COMMENT = re.compile(r"\s[;#]|\n")


@dataclass(frozen=True)
class Paths:
    """`home` outlives a stack, `run` is on a tmpfs and goes with it."""

    root: Path
    home: Path
    run: Path
    stack: str

    @property
    def environments(self) -> Path:
        return self.home / "envs"

    @property
    def data(self) -> Path:
        return self.home / "data" / self.stack

    @property
    def logs(self) -> Path:
        return self.home / "logs" / self.stack

    @property
    def templates(self) -> Path:
        return self.root / "templates"

    @property
    def lock(self) -> Path:
        return self.home / f"{self.stack}.lock"

    @property
    def secrets(self) -> Path:
        return self.run / "secrets"

    @property
    def sockets(self) -> Path:
        return self.run / "db"


def build_paths(root: Path, environ: Mapping[str, str], stack: str) -> Paths:
    """`SLIPWAY_HOME` moves .slipway elsewhere; the run folder's name is short because unix socket paths must be.

    Raises SetupError for a path that supervisord, which has no quoting, would cut at what it takes for a comment.
    """
    home = Path(environ.get("SLIPWAY_HOME") or root / ".slipway").absolute()
    for path in (root, home):
        if mark := _COMMENT.search(str(path)):
            raise SetupError(f"cannot run from {path}: a path must not hold {mark[0]!r}", hint="move or rename the folder")
    digest = hashlib.sha256(f"{home}\0{stack}\0{os.getuid()}".encode()).hexdigest()[:10]
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() and os.access(memory, os.W_OK) else home / "run"
    return Paths(root, home, base / f"slipway-{digest}", stack)


def engine_lock(root: Path, device: str) -> Path:
    """The lock file of the local launcher's engine environment; it says which version of the engine runs."""
    return root / f"requirements/engine-{device}.txt"
