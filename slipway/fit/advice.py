"""What would make a model fit: a shorter context, an 8-bit cache, more GPUs, a larger share, another variant; and the flags for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from slipway.fit.caches import UnknownCacheFormat
from slipway.fit.devices import Device, gpu_device
from slipway.fit.engine import EngineOptions
from slipway.fit.pool import CannotPool
from slipway.fit.prediction import Host, Model, Prediction, predict, why_not_split
from slipway.gpus import GIB, parse_gpu

GPU_COUNTS = (1, 2, 4, 8, 16)
# vLLM measures memory at start, and other programs have a little of it: the largest share that is safe to recommend
HIGHEST_SHARE = 0.92
# a context that is worth starting a server for
SHORTEST_CONTEXT = 4096
POPULAR = ("rtx 4090", "rtx 5090", "rtx pro 6000", "gb10", "a100", "h100", "h200", "b200", "mi300x")


@dataclass(frozen=True)
class Remedy:
    """One change with which the model fits. `flags` are for `vllm serve`, or for -o."""

    what: str
    flags: tuple[str, ...]
    prediction: Prediction


_Variant = tuple[str, Model, EngineOptions]


def rounded_context(tokens: int) -> int:
    """Down to whole thousands of 1024 tokens where there are some."""
    return tokens // 1024 * 1024 if tokens >= SHORTEST_CONTEXT else tokens


def try_predict(model: Model, device: Device, options: EngineOptions, host: Host | None = None) -> Prediction | None:
    """A prediction, or None where this combination is not possible at all."""
    if why_not_split(model, options):
        return None
    try:
        return predict(model, device, options, host)
    except (UnknownCacheFormat, CannotPool):
        return None


def smallest(model: Model, device: Device, options: EngineOptions) -> Prediction | None:
    """The prediction with the fewest GPUs that fits, by tensor parallelism on one machine, then two."""
    for count in GPU_COUNTS:
        found = try_predict(model, device, with_gpus(options, count))
        if found and found.fits:
            return found
    return None


def with_gpus(options: EngineOptions, count: int) -> EngineOptions:
    """All of `count` GPUs for one engine: tensor parallel, and none of the other kinds."""
    return replace(options, tensor_parallel=count, pipeline_parallel=1, data_parallel=1)


def find_remedies(prediction: Prediction, variants: Sequence[_Variant] = (), host: Host | None = None) -> list[Remedy]:
    """What would make it fit, the smallest change first; several changes together only where no single one does.

    `variants` are the same model in other packings: name, facts, options.
    """
    return list(_remedies(prediction, variants, host)) or list(_several_changes(prediction, variants, host))


@dataclass(frozen=True)
class _Idea:
    what: str
    flags: tuple[str, ...]
    model: Model
    options: EngineOptions


def _remedies(prediction: Prediction, variants: Sequence[_Variant], host: Host | None) -> Iterator[Remedy]:
    model, device, options = prediction.model, prediction.device, prediction.options
    shorter = rounded_context(prediction.longest)
    if 0 < shorter < prediction.context:
        idea = _Idea("a shorter context", (f"--max-model-len={shorter}",), model, replace(options, max_model_len=shorter))
        yield from _as_it_is(idea, device, host)
    for idea in _ideas(prediction, variants):
        yield from _with_what_fits(idea, prediction, host)
    more = smallest(model, device, options) if device.kind != "cpu" else None
    if more and more.options.gpus > options.gpus:
        count = more.options.gpus
        yield Remedy(f"{count} GPUs", (f"--tensor-parallel-size={count}",), more)


@dataclass(frozen=True)
class _Change:
    """Other options of the engine; `values` by the names of EngineOptions."""

    what: str
    flags: tuple[str, ...]
    values: Mapping[str, Any]


def _changes(prediction: Prediction) -> Iterator[_Change]:
    device, options = prediction.device, prediction.options
    if device.kind != "cpu" and prediction.cache_dtype in ("auto", "bfloat16", "float16"):
        yield _Change("an fp8 KV cache", ("--kv-cache-dtype=fp8",), {"cache_dtype": "fp8"})
    if options.utilization < HIGHEST_SHARE and not options.cache_bytes and not device.unified and device.kind != "cpu":
        yield _Change(f"a share of {HIGHEST_SHARE:.0%}", (f"--gpu-memory-utilization={HIGHEST_SHARE}",), {"utilization": HIGHEST_SHARE})


def _with(idea: _Idea, change: _Change) -> _Idea:
    what = f"{idea.what}, {change.what}" if idea.what else change.what
    return _Idea(what, (*idea.flags, *change.flags), idea.model, replace(idea.options, **change.values))


def _ideas(prediction: Prediction, variants: Sequence[_Variant]) -> Iterator[_Idea]:
    for change in _changes(prediction):
        yield _with(_as_asked(prediction), change)
    yield from _variant_ideas(variants)


def _as_asked(prediction: Prediction) -> _Idea:
    return _Idea("", (), prediction.model, prediction.options)


def _variant_ideas(variants: Sequence[_Variant]) -> list[_Idea]:
    return [_Idea(f"the variant {name}", (f"VARIANT={name}",), model, options) for name, model, options in variants]


def _several_changes(prediction: Prediction, variants: Sequence[_Variant], host: Host | None) -> Iterator[Remedy]:
    """This model and each variant with a larger share of the memory, and an fp8 cache too; then more GPUs with such a share."""
    changes = list(_changes(prediction))[::-1]
    for idea in [_as_asked(prediction), *_variant_ideas(variants)]:
        stacked = list(accumulate(changes, _with, initial=idea))[1:]
        yield from _first_that_helps(stacked, prediction, host)
    counts = [count for count in GPU_COUNTS if count > prediction.options.gpus and prediction.device.kind != "cpu"]
    shares = [change for change in changes if "utilization" in change.values]
    spread = [
        _Idea(f"{count} GPUs", (f"--tensor-parallel-size={count}",), prediction.model, with_gpus(prediction.options, count))
        for count in counts
    ]
    yield from _first_that_helps([_with(idea, shares[0]) if shares else idea for idea in spread], prediction, host)


def _first_that_helps(ideas: Sequence[_Idea], prediction: Prediction, host: Host | None) -> Iterator[Remedy]:
    yield from next(filter(None, (list(_with_what_fits(idea, prediction, host)) for idea in ideas)), [])


def _with_what_fits(idea: _Idea, prediction: Prediction, host: Host | None) -> Iterator[Remedy]:
    """With the context asked for, or with as much of it as then fits, where that is more than now and worth it."""
    found = try_predict(idea.model, prediction.device, idea.options, host)
    if not found or found.longest <= prediction.longest:
        return
    if found.fits:
        yield Remedy(idea.what, idea.flags, found)
        return
    shorter = rounded_context(found.longest)
    if shorter >= SHORTEST_CONTEXT:
        flags = (*idea.flags, f"--max-model-len={shorter}")
        shortened = _Idea(f"{idea.what}, and a shorter context", flags, idea.model, replace(idea.options, max_model_len=shorter))
        yield from _as_it_is(shortened, prediction.device, host)


def _as_it_is(idea: _Idea, device: Device, host: Host | None) -> Iterator[Remedy]:
    found = try_predict(idea.model, device, idea.options, host)
    if found and found.fits:
        yield Remedy(idea.what, idea.flags, found)


def recommended_flags(prediction: Prediction) -> tuple[str, ...]:
    """The flags of a prediction that fits, for whoever writes a model file."""
    options = prediction.options
    flags = []
    if options.tensor_parallel > 1:
        flags.append(f"--tensor-parallel-size={options.tensor_parallel}")
    if options.pipeline_parallel > 1:
        flags.append(f"--pipeline-parallel-size={options.pipeline_parallel}")
    flags.append(f"--gpu-memory-utilization={options.utilization:g}")
    if prediction.context != prediction.model.architecture.context:
        flags.append(f"--max-model-len={prediction.context}")
    if options.cache_dtype != "auto":
        flags.append(f"--kv-cache-dtype={options.cache_dtype}")
    return tuple(flags)


def why_not(prediction: Prediction) -> str:
    """One sentence on what is too large; empty where it fits."""
    if prediction.fits:
        return ""
    if prediction.budget <= prediction.weights_bytes + prediction.reserve.total:
        others = f" and {_gib(prediction.reserve.total)} for activations and graphs" if prediction.reserve.total else ""
        each = " of each GPU" if prediction.device.kind != "cpu" else ""
        return f"weights of {_gib(prediction.weights_bytes)}{others} are more than the {_gib(prediction.budget)} that vLLM may take{each}"
    longest = f"; {prediction.longest:,} do" if prediction.longest else ""
    return f"{prediction.context:,} tokens of context do not fit into a KV cache of {_gib(prediction.cache)}{longest}"


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


def survey(model: Model, options: EngineOptions) -> list[tuple[Device, Prediction | None]]:
    """For each GPU that many people have: the smallest number of them that fits."""
    devices = [gpu_device(parse_gpu(name)) for name in POPULAR]
    return [(device, smallest(model, device, options)) for device in devices]
