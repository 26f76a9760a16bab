"""What a model is fitted into: a GPU from the table of them or from the driver, or the memory of the CPU engine."""

from __future__ import annotations

from dataclasses import dataclass

from slipway.gpus import Gpu


@dataclass(frozen=True)
class Device:
    """`memory` is the total in bytes that the driver reports to a program, which is what vLLM takes its share of.

    `capability` is CUDA's, 0 where it is not known; `kind` is cuda or cpu. `unified` memory is shared with the operating system.
    """

    name: str
    memory: int
    capability: float = 0.0
    kind: str = "cuda"
    unified: bool = False

    @property
    def generation(self) -> int:
        """The major capability, by which vLLM chooses its attention kernels: 8 Ampere and Ada, 9 Hopper, 10 and 12 Blackwell."""
        return int(self.capability)

    @property
    def is_a100(self) -> bool:
        """vLLM's defaults for batches tell the A100 from other GPUs of its size by its name."""
        return "a100" in self.name.lower()


def gpu_device(gpu: Gpu) -> Device:
    return Device(gpu.name.upper() if gpu.name.islower() else gpu.name, gpu.memory, gpu.capability, unified=gpu.unified)
