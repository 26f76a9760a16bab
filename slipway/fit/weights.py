"""Bytes of weights on each GPU: every matrix in its packing, split over tensor and pipeline parallel ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slipway.fit.caches import stage_sizes
from slipway.fit.engine import EngineOptions
from slipway.fit.layers import Architecture, LatentAttention
from slipway.fit.parameters import ALL, WHOLE, Matrix, list_matrices
from slipway.fit.quantization import DTYPE_BYTES, Quantization, matrix_bytes


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's own numbers. `size` is the bytes of all tensors, 0 where only config.json is known.

    `draft` and `extra` are the parts of `size` that load only with speculation, and only with pictures; -1: not known.
    """

    size: int = 0
    draft: int = -1
    extra: int = -1


@dataclass(frozen=True)
class Weights:
    """`stages` are bytes on one rank of each pipeline stage; `parameters` and `total` are the whole model's, as loaded."""

    stages: tuple[int, ...]
    parameters: int
    total: int
    kept_parameters: int = 0  # those of `parameters` that are not quantized


def checkpoint_bytes(model: Architecture, quantization: Quantization | None, *, drafts: bool = True) -> int:
    """Bytes of all tensors of a checkpoint, as computed from the architecture alone."""
    dtype = _stored(model)
    matrices = [matrix for matrix in list_matrices(model) if matrix.stored and (drafts or not matrix.draft)]
    return round(sum(matrix_bytes(matrix, dtype, quantization) for matrix in matrices))


def predict_weights(model: Architecture, quantization: Quantization | None, checkpoint: Checkpoint, options: EngineOptions) -> Weights:
    """What vLLM holds. A known checkpoint's size corrects the computed one, evenly over all matrices."""
    matrices = [matrix for matrix in list_matrices(model) if _loaded(matrix, options)]
    dtype = _loaded_dtype(model, options)
    sizes = [matrix_bytes(matrix, dtype, quantization) for matrix in matrices]
    stored = sum(size for matrix, size in zip(matrices, sizes, strict=True) if matrix.stored)
    factor = _correction(model, quantization, checkpoint, stored, options)
    stages = [0.0] * options.pipeline_parallel
    owners = _owners(len(model.layers), options.pipeline_parallel)
    for matrix, size in zip(matrices, sizes, strict=True):
        share = size * factor * _share(matrix, options)
        for stage in _stages(matrix, owners, tied=model.tied):
            stages[stage] += share
    for stage, extra in enumerate(_absorbed(model, quantization, options, owners)):
        stages[stage] += extra
    packed = [matrix for matrix in matrices if quantization and quantization.packs(matrix)]
    parameters = sum(matrix.parameters for matrix in matrices)
    kept = parameters - sum(matrix.parameters for matrix in packed)
    return Weights(tuple(round(stage) for stage in stages), parameters, round(sum(sizes) * factor), kept)


def _stored(model: Architecture) -> str:
    return model.dtype


def _loaded_dtype(model: Architecture, options: EngineOptions) -> str:
    """vLLM casts float32 checkpoints to 16 bits unless told otherwise (vllm/config/model.py, _get_and_verify_dtype)."""
    chosen = options.dtype or model.dtype
    return "bfloat16" if DTYPE_BYTES.get(chosen, 2) == 4 and not options.dtype else chosen


def _loaded(matrix: Matrix, options: EngineOptions) -> bool:
    if matrix.draft:
        return options.uses_draft_head
    return not (matrix.name == "visual" and options.text_only)


def _correction(
    model: Architecture, quantization: Quantization | None, checkpoint: Checkpoint, computed: float, options: EngineOptions
) -> float:
    if not checkpoint.size or DTYPE_BYTES.get(model.dtype, 2) != DTYPE_BYTES.get(_loaded_dtype(model, options), 2):
        return 1.0
    real: float = checkpoint.size
    everything = {
        matrix.name: matrix_bytes(matrix, model.dtype, quantization) for matrix in list_matrices(model) if not _loaded(matrix, options)
    }
    draft = sum(size for name, size in everything.items() if name != "visual")
    if draft and not options.uses_draft_head:
        real -= checkpoint.draft if checkpoint.draft >= 0 else draft
    if options.text_only:
        real -= checkpoint.extra if checkpoint.extra >= 0 else everything.get("visual", 0)
    return real / computed if computed else 1.0


def _share(matrix: Matrix, options: EngineOptions) -> float:
    """The part that one rank holds; experts may be spread over the data parallel ranks too."""
    if ".experts." in matrix.name and options.expert_parallel:
        return 1 / (options.tensor_parallel * options.data_parallel)
    return matrix.share(options.tensor_parallel)


def _owners(layers: int, stages: int) -> list[int]:
    return [stage for stage, size in enumerate(stage_sizes(layers, stages)) for _ in range(size)]


def _stages(matrix: Matrix, owners: Sequence[int], *, tied: bool) -> tuple[int, ...]:
    """Embeddings live on the first stage, the head on the last; a tied embedding on both."""
    last = owners[-1] if owners else 0
    if matrix.layer >= 0:
        return (owners[matrix.layer],)
    if matrix.name in ("lm_head", "model.norm"):
        return (last,)
    return (0, last) if tied and last and matrix.name == "model.embed_tokens" else (0,)


def _absorbed(model: Architecture, quantization: Quantization | None, options: EngineOptions, owners: Sequence[int]) -> list[float]:
    """Copies in 16 bits of a quantized kv_b_proj, which latent attention computes with while decoding.

    After MLAAttention.process_weights_after_loading, which keeps W_UV and W_UK_T beside the packed matrix.
    """
    extra = [0.0] * options.pipeline_parallel
    probe = Matrix("model.layers.0.self_attn.kv_b_proj", 1, 1, split=ALL)
    if quantization is None or not quantization.packs(probe):
        return extra
    for stage, layer in zip(owners, model.layers, strict=True):
        for mixer in layer.mixers:
            if isinstance(mixer, LatentAttention):
                extra[stage] += 2 * mixer.heads * (mixer.nope + mixer.value) * mixer.rank / options.tensor_parallel
    return extra


__all__ = ["WHOLE", "Checkpoint", "Weights", "checkpoint_bytes", "predict_weights"]
