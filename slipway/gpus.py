"""GPUs by name: memory, compute capability, and the names under which model files may speak of them."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

GIB = 1 << 30
_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MIB": 1 << 20, "GIB": GIB, "TIB": 1 << 40}

# The generation of each compute capability (CUDA C++ Programming Guide, "Compute Capabilities"), newest last.
_GENERATIONS = ((7.0, "volta"), (7.5, "turing"), (8.0, "ampere"), (8.9, "ada"), (9.0, "hopper"), (10.0, "blackwell"))
GENERATIONS = tuple(name for _, name in _GENERATIONS)

# name: (GiB, compute capability). The memory is what programs see as total, as PyTorch's out-of-memory messages in public
# reports of 2024 to 2026 give it; those with a whole number are from data sheets. A machine's own driver is asked first.
# Capabilities: developer.nvidia.com/cuda-gpus. Longer names stand before the shorter ones that they contain.
_KNOWN = {
    "v100": (32, 7.0), "t4": (15, 7.5), "rtx 2080 ti": (11, 7.5),
    "a100 40gb": (39.39, 8.0), "a100": (79.14, 8.0), "a30": (24, 8.0),
    "a10": (21.98, 8.6), "a40": (44.34, 8.6), "rtx a6000": (47.4, 8.6), "rtx 3090": (23.56, 8.6), "rtx 3080": (10, 8.6),
    "rtx 3060": (12, 8.6),
    "l40s": (44.39, 8.9), "l40": (44.39, 8.9), "l4": (22.03, 8.9), "rtx 6000 ada": (47.36, 8.9), "rtx 4090": (23.52, 8.9),
    "rtx 4080": (16, 8.9),
    "gh200": (94.5, 9.0), "h100 nvl": (93.01, 9.0), "h100": (79.11, 9.0), "h200": (139.72, 9.0), "h20": (95.0, 9.0),
    "gb200": (185, 10.0), "b200": (178.35, 10.0), "gb300": (277, 10.3), "b300": (267.69, 10.3),
    "rtx pro 6000": (94.97, 12.0), "rtx pro 5000": (48, 12.0), "rtx 5090": (31.36, 12.0), "rtx 5080": (16, 12.0),
    "rtx 5070 ti": (16, 12.0), "gb10": (119.61, 12.1),
}  # fmt: skip
_OTHER_NAMES = {"a6000": "rtx a6000", "dgx spark": "gb10", "3090": "rtx 3090", "4090": "rtx 4090", "5090": "rtx 5090"}
# AMD's, for predictions of memory (from the same reports); nothing here launches on them, so model files cannot name them
_OTHER_MAKES = {"mi300x": 191.69, "mi325x": 255.69}
# memory that the GPU shares with the operating system
_UNIFIED = frozenset({"gb10"})

# What a model file's `hardware:` section may name, from the widest to the narrowest.
HARDWARE_NAMES = ("cpu", "rocm", *GENERATIONS, *(name.replace(" ", "-") for name in _KNOWN))


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU. `memory` is in bytes, `capability` is CUDA's compute capability; 0 where it is not known."""

    name: str
    memory: int = 0
    capability: float = 0.0

    @property
    def unified(self) -> bool:
        """Whether the memory is shared with the operating system."""
        return self.name in _UNIFIED

    @property
    def generation(self) -> str:
        """The architecture's name; empty where the capability is not known."""
        return next((name for least, name in reversed(_GENERATIONS) if self.capability >= least), "")


def parse_memory(text: str) -> int:
    """Bytes of `80GB` (10^9) or `80GiB` (2^30). Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?([MGTmgt][Ii]?[Bb])", text.strip())
    if not match:
        raise ValueError(f"must be a size such as 80GB or 75GiB, not {text!r}")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def known_gpu(name: str) -> Gpu | None:
    """The GPU that `name` speaks of, as a person writes it (`rtx-4090`) or as a driver says it; None for an unknown one."""
    words = set(re.sub(r"[^a-z0-9]+", " ", name.lower()).split())
    for other, known in [*_OTHER_NAMES.items(), *((known, known) for known in _KNOWN)]:
        if words.issuperset(other.split()):
            gib, capability = _KNOWN[known]
            return Gpu(known, int(gib * GIB), capability)
    return next((Gpu(name, int(gib * GIB)) for name, gib in _OTHER_MAKES.items() if name in words), None)


def parse_gpu(text: str) -> Gpu:
    """A GPU by its name, or an unnamed one by its memory: `h200`, `RTX 4090`, `141GiB`. Raises ValueError."""
    found = known_gpu(text)
    if found:
        return found
    try:
        return Gpu(text, parse_memory(text))
    except ValueError:
        number = re.fullmatch(r"[0-9.]+ ?[gG]?", text.strip())
        near = [f"{text.strip().rstrip('gG ')}GiB"] if number else difflib.get_close_matches(text.lower(), [*_KNOWN, *_OTHER_MAKES], 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"must be a GPU such as h200 or 'rtx 4090', or a size such as 80GiB, not {text!r}{hint}") from None


def parse_gpus(text: str) -> tuple[int, tuple[str, ...]]:
    """How many GPUs, and which, where ids say so: `2` is two of them, `0,1` those two, `0` or `3,` a single one,
    and no text is none that is said. Raises ValueError.
    """
    if not text:
        return 0, ()
    if text.isdecimal() and int(text):
        return int(text), ()
    ids = tuple(part.strip() for part in text.removesuffix(",").split(","))
    if not all(re.fullmatch(r"[A-Za-z0-9-]+", part) for part in ids) or len(set(ids)) < len(ids):
        raise ValueError(f"must be a number of GPUs, or ids such as 0,1, not {text!r}")
    return len(ids), ids


def hardware_names(device: str, gpu: Gpu | None) -> tuple[str, ...]:
    """The names of HARDWARE_NAMES that describe a machine, the widest first."""
    if device in ("cpu", "rocm"):
        return (device,)
    if gpu is None:
        return ()
    known = known_gpu(gpu.name)
    return tuple(filter(None, (gpu.generation, known.name.replace(" ", "-") if known else "")))
