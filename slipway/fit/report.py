"""A prediction as plain data (`fit --json`) and as the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slipway.fit.advice import Remedy, recommended_flags, why_not
from slipway.fit.devices import Device
from slipway.fit.prediction import Prediction


@dataclass(frozen=True)
class Part:
    """One use of a GPU's memory; `estimated` ones are not vLLM's own arithmetic."""

    name: str
    size: int
    estimated: bool = False


def list_parts(prediction: Prediction) -> list[Part]:
    """What one GPU holds, in the order in which it is taken; sizes of 0 are left out."""
    reserve = prediction.reserve
    parts = [
        Part("weights", prediction.weights_bytes),
        Part("activations", reserve.activations, estimated=True),
        Part("CUDA graphs", reserve.graphs, estimated=True),
        Part("runtime", reserve.runtime, estimated=True),
        Part("KV cache", prediction.cache),
    ]
    return [part for part in parts if part.size]


def as_data(
    name: str, prediction: Prediction, remedies: Sequence[Remedy], survey: Sequence[tuple[Device, Prediction | None]]
) -> dict[str, Any]:
    """Sizes in bytes, lengths in tokens."""
    model, options = prediction.model, prediction.options
    return {
        "name": name,
        "model": model.name,
        "fits": prediction.fits,
        "why_not": why_not(prediction),
        "facts": {"from": model.origin, "sources": list(model.sources), "notes": list(model.notes)},
        "device": {"name": prediction.device.name, "memory": prediction.device.memory, "count": options.gpus},
        "tensor_parallel": options.tensor_parallel,
        "pipeline_parallel": options.pipeline_parallel,
        "utilization": options.utilization,
        "parameters": prediction.weights.parameters,
        "per_gpu": {
            "budget": prediction.budget,
            **{part.name.lower().replace(" ", "_"): part.size for part in list_parts(prediction)},
        },
        "cache": {
            "dtype": prediction.cache_dtype,
            "bytes_per_token": round(prediction.holding.per_token),
            "window_bytes_per_request": prediction.holding.windows,
            "state_bytes_per_request": prediction.holding.states,
            "tokens": prediction.capacity.tokens,
            "full_requests": round(prediction.capacity.concurrency, 2),
        },
        "context": {"asked": prediction.context, "longest": prediction.longest, "model": model.architecture.context},
        "flags": list(recommended_flags(prediction)) if prediction.fits else [],
        "remedies": [_remedy(remedy) for remedy in remedies],
        "smallest": [
            {
                "device": device.name,
                "count": found.options.gpus if found else None,
                "full_requests": round(found.capacity.concurrency, 2) if found else None,
            }
            for device, found in survey
        ],
    }


def _remedy(remedy: Remedy) -> dict[str, Any]:
    found = remedy.prediction
    return {
        "what": remedy.what,
        "flags": list(remedy.flags),
        "context": found.context,
        "tokens": found.capacity.tokens,
        "full_requests": round(found.capacity.concurrency, 2),
        "count": found.options.gpus,
    }
