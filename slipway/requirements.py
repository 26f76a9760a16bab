"""What a model asks of the machine and the engine, and which of it is not met. What is not known never blocks."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from slipway.gpus import GIB
from slipway.hardware import Hardware

_BOUND = re.compile(r"(>=|<=|==|>|<)?\s*(\d+(?:\.\d+)*)")
_COMPARE = {">=": operator.ge, "<=": operator.le, "==": operator.eq, ">": operator.gt, "<": operator.lt}


@dataclass(frozen=True)
class Requirements:
    """`memory` is in bytes, of all the GPUs that the model uses together; empty and 0 ask for nothing. `lines` says where each stands."""

    vllm: str = ""
    gpus: int = 0
    memory: int = 0
    capability: float = 0.0
    lines: Mapping[str, int] = field(default_factory=dict)

    def over(self, weaker: Requirements) -> Requirements:
        """These, and the weaker ones' where these ask for nothing."""
        asked = {name: getattr(self, name) for name in ("vllm", "gpus", "memory", "capability") if getattr(self, name)}
        return replace(weaker, **asked, lines={**weaker.lines, **self.lines})


@dataclass(frozen=True)
class Unmet:
    """One requirement that is not met, as a sentence, and its line in the model file."""

    line: int
    message: str


def check_versions(text: str) -> None:
    """Raises ValueError unless `text` bounds a version: `0.24`, `>=0.24` or `>=0.24,<0.33`."""
    if not all(_BOUND.fullmatch(part.strip()) for part in text.split(",")):
        raise ValueError(f"must be a version such as '0.24' or '>=0.24,<0.33', not {text!r}")


def version_allowed(bounds: str, version: str) -> bool:
    """Whether `version`, such as 0.32.0 or v0.24.0-ubuntu2404, is within `bounds`; one that cannot be read always is."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    if not found:
        return True
    for part in bounds.split(","):
        bound = _BOUND.fullmatch(part.strip())
        if bound and not _COMPARE[bound[1] or ">="](_numbers(found[1]), _numbers(bound[2])):
            return False
    return True


def locked_version(lock: str) -> str:
    """The version of vLLM that a lock file (requirements/engine-*.txt) pins; empty where it pins none."""
    match = re.search(r"^vllm(?:-cpu)?==([0-9][\w.]*)", lock, re.MULTILINE)
    return match[1] if match else ""


def image_version(image: str) -> str:
    """The version that an image's tag names, as in vllm/vllm-openai:v0.32.0; empty for `latest` and for tags of another scheme."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    match = re.match(r"v?(0\.\d+(?:\.\d+)?)(?![\d.])", tag) if "/" not in tag and "vllm" in name else None
    return match[1] if match else ""


def _numbers(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in version.split(".")]
    return tuple(parts + [0] * (4 - len(parts)))


def unmet_by_engine(wanted: Requirements, version: str) -> list[Unmet]:
    """What the vLLM that will run does not meet; `version` is empty where it is not known."""
    if not wanted.vllm or not version or version_allowed(wanted.vllm, version):
        return []
    return [Unmet(wanted.lines.get("vllm", 0), f"it needs vLLM {wanted.vllm}, and {version} would run")]


def unmet_by_hardware(wanted: Requirements, hardware: Hardware, gpus_used: int) -> list[Unmet]:
    """What the machine does not meet, where the model's flags use `gpus_used` GPUs."""
    needs_gpu = wanted.gpus or wanted.memory or wanted.capability
    if hardware.device == "cpu":
        line = min((line for name, line in wanted.lines.items() if name != "vllm"), default=0)
        return [Unmet(line, "it needs a GPU, and none is here")] if needs_gpu else []
    unmet = []
    count = max(wanted.gpus, gpus_used)
    if hardware.gpus and hardware.gpus < count:
        unmet.append(Unmet(wanted.lines.get("gpus", 0), f"it needs {count} GPUs, and {_have(hardware)} here"))
    name, capability = (hardware.gpu.name, hardware.gpu.capability) if hardware.gpu else ("", 0.0)
    if capability and capability < wanted.capability:
        message = f"it needs a GPU of compute capability {wanted.capability:g}, and {name} has {capability:g}"
        unmet.append(Unmet(wanted.lines.get("capability", 0), message))
    if hardware.gpu_memory and hardware.gpu_memory * count < wanted.memory:
        message = f"it needs {_gib(wanted.memory)} of GPU memory, and {count} x {name} has {_gib(hardware.gpu_memory * count)}"
        unmet.append(Unmet(wanted.lines.get("memory", 0), message))
    return unmet


def _have(hardware: Hardware) -> str:
    name = f" ({hardware.gpu.name})" if hardware.gpu else ""
    return f"{hardware.gpus}{name} {'is' if hardware.gpus == 1 else 'are'}"


def _gib(size: int) -> str:
    return f"{size / GIB:.0f} GiB"
