"""What the engine can compute on; detection reads the machine, everything else is a plain value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slipway.gpus import Gpu, hardware_names, known_gpu, parse_gpu


@dataclass(frozen=True)
class Hardware:
    """`device` is cuda, rocm or cpu, `gpus` the number of devices (0: not known), `gpu` what each of them is, if that is known; `cores`
    those of the CPU that may be used (0: not known)."""

    device: str
    gpus: int = 0
    gpu: Gpu | None = None
    cores: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """What a model file's `hardware:` section may call this machine, the widest name first."""
        return hardware_names(self.device, self.gpu)

    @property
    def gpu_memory(self) -> int:
        """Bytes of one GPU; 0 where they are not known."""
        return self.gpu.memory if self.gpu else 0


@dataclass(frozen=True)
class Wish:
    """The settings that speak of hardware: ENGINE_DEVICE, GPU and GPUS. Empty ones leave it to detection."""

    device: str = "auto"
    gpu: str = ""
    gpus: int = 0


def read_hardware(wish: Wish, proc: Path = Path("/proc"), ask_driver: Callable[[], list[Gpu]] | None = None) -> Hardware:
    """Look for NVIDIA GPUs in /proc, ask their driver what they are, look for AMD's in /dev, and let `wish` override.

    A machine with several kinds of GPU is described by the one with the least memory. Raises ValueError for a wrong GPU.
    """
    return replace(_devices(wish, proc, ask_driver), cores=_cores(proc))


def _cores(proc: Path) -> int:
    """As many as this process may run on."""
    try:
        lines = (proc / "self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    mask = next((line.partition(":")[2] for line in lines if line.startswith("Cpus_allowed:")), "0")
    return int(mask.replace(",", ""), 16).bit_count()


def _devices(wish: Wish, proc: Path, ask_driver: Callable[[], list[Gpu]] | None) -> Hardware:
    names = _gpu_names(proc)
    amd = _amd_gpus(proc.parent / "dev")
    device = wish.device
    if device == "auto":
        device = "cuda" if names or wish.gpu or (wish.gpus and not amd) else "rocm" if amd else "cpu"
    if device == "cpu":
        return Hardware("cpu")
    if device == "rocm":
        return Hardware("rocm", wish.gpus or amd)
    if wish.gpu:
        return Hardware("cuda", wish.gpus or len(names) or 1, parse_gpu(wish.gpu))
    described = (ask_driver or ask_nvml)() if names else []
    kinds = [_complete(gpu) for gpu in described or [Gpu(name) for name in names if name]]
    return Hardware("cuda", wish.gpus or len(names), min(kinds, key=lambda gpu: gpu.memory, default=None))


def _gpu_names(proc: Path) -> list[str]:
    """One name per GPU, as the driver gives it; empty names where only device files are seen, as in some containers."""
    folder = proc / "driver/nvidia/gpus"
    if folder.is_dir() and (gpus := sorted(folder.iterdir())):
        return [_model(gpu / "information") for gpu in gpus]
    dev = proc.parent / "dev"
    return [""] * len(list(dev.glob("nvidia[0-9]*"))) if (dev / "nvidia0").exists() else []


def _amd_gpus(dev: Path) -> int:
    """GPUs that AMD's driver for computing knows: its own device is there, and one render node for each."""
    return len(list((dev / "dri").glob("renderD*"))) if (dev / "kfd").exists() else 0


def _model(information: Path) -> str:
    try:
        lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Model:")), "")


def _complete(gpu: Gpu) -> Gpu:
    """Fill what the driver did not say (the memory of a GB10 is the machine's) from the table of known GPUs."""
    known = known_gpu(gpu.name)
    return replace(gpu, memory=gpu.memory or known.memory, capability=gpu.capability or known.capability) if known else gpu


def _load_nvml() -> Any:
    import ctypes

    return ctypes.CDLL("libnvidia-ml.so.1")


def ask_nvml(load: Callable[[], Any] = _load_nvml) -> list[Gpu]:
    """Every GPU as NVIDIA's management library describes it; none where the library is missing."""
    import ctypes

    try:
        nvml = load()
    except OSError:
        return []
    if nvml.nvmlInit_v2() != 0:
        return []
    try:
        count = ctypes.c_uint()
        if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return []
        return [_nvml_gpu(nvml, index) for index in range(count.value)]
    finally:
        nvml.nvmlShutdown()


def _nvml_gpu(library: Any, index: int) -> Gpu:
    """https://docs.nvidia.com/deploy/nvml-api/: a call that does not succeed leaves zeros, which mean: not known."""
    import ctypes

    device, name = ctypes.c_void_p(), ctypes.create_string_buffer(96)
    memory = (ctypes.c_ulonglong * 3)()  # total, free, used
    major, minor = ctypes.c_int(), ctypes.c_int()
    library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device))
    library.nvmlDeviceGetName(device, name, ctypes.c_uint(96))
    library.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory))
    library.nvmlDeviceGetCudaComputeCapability(device, ctypes.byref(major), ctypes.byref(minor))
    return Gpu(name.value.decode(errors="replace"), memory[0], major.value + minor.value / 10)
