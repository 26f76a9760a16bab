"""Has every image of a stack on this machine: pulled, or built from another with a model's extra packages."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from slipway.errors import SetupError
from slipway.launchers.base import Phase
from slipway.process import Command, ProcessError, Runner
from slipway.render import write_atomically


class Images(Protocol):
    def has_image(self, image: str) -> bool: ...

    def pull(self, image: str, phase: Phase) -> None: ...


def derived_image(base: str, packages: Sequence[str]) -> str:
    """The image to run: `base`, or the one built from it, whose tag follows from base and packages alone."""
    if not packages:
        return base
    digest = hashlib.sha256("\0".join([base, *sorted(packages)]).encode()).hexdigest()[:12]
    return f"slipway-engine:{digest}"


def dockerfile(base: str, packages: Sequence[str]) -> str:
    """How the derived image is built; vLLM's image installs with uv, others may have pip only."""
    words = shlex.join(sorted(packages))
    install = f"if command -v uv; then uv pip install --system {words}; else python3 -m pip install --no-cache-dir {words}; fi"
    return f"FROM {base}\nRUN {install}\n"


def ensure_image(images: Images, image: str, phase: Phase) -> None:
    """Pull an image that is not there. Raises SetupError."""
    if not images.has_image(image):
        images.pull(image, phase)


def ensure_derived(images: Images, base: str, packages: Sequence[str], folder: Path, runner: Runner, phase: Phase) -> None:
    """Build the engine's image with `packages`, once. Raises SetupError."""
    image = derived_image(base, packages)
    if images.has_image(image):
        return
    ensure_image(images, base, phase)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "Dockerfile", dockerfile(base, packages))
    phase.update(f"installing {', '.join(sorted(packages))} on {base}")
    try:
        runner.run(Command(("docker", "build", "--tag", image, str(folder))), lambda line: phase.update(line.strip()[:80]))
    except ProcessError as error:
        raise SetupError(
            f"the engine's image cannot be built with the model's extra_packages: {error.message}", hint="correct `extra_packages:`"
        ) from error
