"""Memory that is neither weights nor cache: estimates, each with what it was taken from. Only a GPU can measure them.

vLLM measures these itself at start (Worker.determine_available_memory): a forward pass with the largest batch, then a
trial capture of CUDA graphs.
"""

from __future__ import annotations

from dataclasses import dataclass

from slipway.fit.devices import Device
from slipway.fit.engine import EngineOptions
from slipway.fit.layers import Architecture, Attention, Compressed, Experts, GatedDelta, LatentAttention, Layer, Mamba, Mixer, Mlp
from slipway.gpus import GIB

MIB = 1 << 20

# The CPU engine's own memory before weights: the resident set of vLLM 0.32's worker process with the demo model (ps, 1.05 to 1.1 GiB).
CPU_RUNTIME = int(1.1 * GIB)
# Workspaces of attention and matrix libraries that stay after the profile run; FlashInfer's alone is 394 MiB
# (vllm/envs.py, VLLM_FLASHINFER_WORKSPACE_BUFFER_SIZE).
GPU_RUNTIME = 400 * MIB


@dataclass(frozen=True)
class Reserve:
    """Bytes on each GPU: the largest batch's activations, CUDA graphs, and what the libraries keep."""

    activations: int
    graphs: int
    runtime: int

    @property
    def total(self) -> int:
        return self.activations + self.graphs + self.runtime


def predict_reserve(model: Architecture, options: EngineOptions, device: Device, length: int) -> Reserve:
    if device.kind == "cpu":
        # the engine measures its resident memory after a small warm-up; batches come later, out of what the share leaves free
        return Reserve(0, 0, CPU_RUNTIME)
    return Reserve(_activations(model, options, device, length), _graphs(model, options), GPU_RUNTIME)


def _activations(model: Architecture, options: EngineOptions, device: Device, length: int) -> int:
    """The larger of one layer's tensors for a whole batch, and the sampler's for every sequence.

    A layer: its input and residual, and the widest of mixer and feed-forward block. The sampler: logits in 16 and 32 bits,
    probabilities, and a sorted copy with its indices (gpu_model_runner.py, _dummy_sampler_run).
    """
    batch = options.batched_tokens(device, length)
    widest = max((_layer_width(layer, model.width, options) for layer in model.layers), default=0)
    forward = batch * (2 * model.width + widest) * 2
    sampler = min(options.sequences(device), batch) * model.vocabulary * (2 + 4 + 4 + 4)
    return max(forward, sampler + batch * model.width * 2)


def _layer_width(layer: Layer, width: int, options: EngineOptions) -> int:
    """Numbers for each token that a layer's widest moment holds."""
    ranks = options.tensor_parallel
    mixer = max((_mixer_width(mixer) for mixer in layer.mixers), default=0) // ranks
    if isinstance(layer.mlp, Mlp):
        return max(mixer, 3 * layer.mlp.width // ranks)
    if isinstance(layer.mlp, Experts):
        # fused experts: their inputs' product and its activation for each chosen expert, then their outputs in the same place
        each = layer.mlp.width // (1 if options.expert_parallel else ranks)
        return max(mixer, layer.mlp.active * (max(2 * each, width) + each))
    return mixer


def _mixer_width(mixer: Mixer) -> int:
    if isinstance(mixer, Attention):
        return (2 * mixer.heads + 2 * mixer.kv_heads) * mixer.head
    if isinstance(mixer, LatentAttention):
        # while a prompt is read, keys and values of every head are written out
        return mixer.heads * (2 * (mixer.nope + mixer.rope) + 2 * mixer.value)
    if isinstance(mixer, GatedDelta):
        return 2 * (2 * mixer.key_heads * mixer.key + 3 * mixer.value_heads * mixer.value)
    if isinstance(mixer, Mamba):
        return 4 * mixer.heads * mixer.head
    if isinstance(mixer, Compressed):
        return 2 * mixer.heads * mixer.head
    return 0


def _graphs(model: Architecture, options: EngineOptions) -> int:
    """A guess: a straight line near the few figures of vLLM's "Graph capturing finished in … secs, took … GiB" that were at hand."""
    if options.eager:
        return 0
    sparse = any(isinstance(layer.mlp, Experts) for layer in model.layers)
    return 256 * MIB + len(model.layers) * (18 if sparse else 10) * MIB
