"""The whole prediction for one model on some GPUs: does it start, how long a context, how many requests at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from slipway.fit.cache import Request
from slipway.fit.caches import Holding, Setting, build_pool_of, measure
from slipway.fit.devices import Device
from slipway.fit.engine import EngineOptions
from slipway.fit.layers import Architecture, Attention, Compressed, Experts, GatedDelta, KimiDelta, LatentAttention, Mlp
from slipway.fit.pool import Capacity, Pool, longest_that
from slipway.fit.quantization import Quantization
from slipway.fit.reserve import Reserve, predict_reserve
from slipway.fit.weights import Checkpoint, Weights, predict_weights


@dataclass(frozen=True)
class Model:
    """What is known of a model. `origin` says where from; `sources` where a shipped fact was found."""

    name: str
    architecture: Architecture
    quantization: Quantization | None = None
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    origin: str = "config.json"
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Host:
    """What a CPU engine's numbers depend on: memory in bytes, and two of the processor's abilities."""

    bf16: bool = False
    amx: bool = False


@dataclass(frozen=True)
class Prediction:
    """Bytes are those of one GPU, of the fullest pipeline stage; tokens and requests are those of the whole engine.

    `context` is the length asked for, `longest` the largest that would start, `fits` whether `context` does. `cache` is what
    is left for the KV cache; `capacity` what it holds.
    """

    model: Model
    device: Device
    options: EngineOptions
    budget: int
    weights: Weights
    reserve: Reserve
    cache: int
    holding: Holding
    cache_dtype: str
    context: int
    longest: int
    capacity: Capacity

    @property
    def fits(self) -> bool:
        return 0 < self.context <= self.longest

    @property
    def weights_bytes(self) -> int:
        return max(self.weights.stages)


def predict(model: Model, device: Device, options: EngineOptions, host: Host | None = None, *, certain: bool = False) -> Prediction:
    """Predict what vLLM 0.32 would do with `model` on `options.gpus` of `device`.

    A context of 0 in `options` means the model's own; `certain` leaves the estimates out.
    Raises caches.UnknownCacheFormat, pool.CannotPool.
    """
    setting = build_setting(model, device, options, host)
    pool = build_pool_of(setting)
    context = options.max_model_len or model.architecture.context
    weights = predict_weights(model.architecture, model.quantization, model.checkpoint, options)
    reserve = Reserve(0, 0, 0) if certain else predict_reserve(model.architecture, options, device, context)
    budget = math.ceil(device.memory * options.utilization)
    memory = [options.cache_bytes or budget - stage - reserve.total for stage in weights.stages]
    enough = all(stage + reserve.total + (options.cache_bytes or 0) <= _most(device, options) for stage in weights.stages)
    request = options.request(device, context, chunked=not setting.plain_latent_cpu)
    longest = _longest(setting, pool, memory, context) if enough else 0
    return Prediction(
        model=model,
        device=device,
        options=options,
        budget=budget,
        weights=weights,
        reserve=reserve,
        cache=max(min(memory), 0),
        holding=measure(pool, request),
        cache_dtype=setting.cache_dtype,
        context=context,
        longest=longest,
        capacity=pool.capacity(memory, request),
    )


def _most(device: Device, options: EngineOptions) -> int:
    """A cache of a given size ignores the utilization; then all of the device counts."""
    return device.memory if options.cache_bytes else math.ceil(device.memory * options.utilization)


def build_setting(model: Model, device: Device, options: EngineOptions, host: Host | None = None) -> Setting:
    host = host or Host()
    fp8 = model.quantization is not None and model.quantization.kv_fp8
    cpu = device.kind == "cpu"
    return Setting(model.architecture, options, device, fp8 and not cpu, wide_states=cpu and host.bf16, amx=cpu and host.amx)


def _longest(setting: Setting, pool: Pool, memory: list[int], context: int) -> int:
    """The batch, and with it what windows hold, can grow with the length, so each length makes its own request."""

    def fits(length: int) -> bool:
        return pool.holds(memory, _request(setting, length))

    return longest_that(fits, max(context, setting.model.context))


def _request(setting: Setting, length: int) -> Request:
    return setting.options.request(setting.device, length, chunked=not setting.plain_latent_cpu)


def why_not_split(model: Model, options: EngineOptions) -> str:
    """Why vLLM would not split `model` over that many tensor parallel ranks; empty where it would."""
    ranks, heads = options.tensor_parallel, _heads(model.architecture)
    if heads % ranks:
        return f"{ranks} tensor parallel ranks do not divide its {heads} attention heads"
    rows = model.quantization.packing.rows if model.quantization else 0
    if rows <= 1:
        return ""
    for width in _split_widths(model.architecture, options):
        # vllm/model_executor/layers/quantization/fp8.py refuses a rank that would hold a part of a block
        if width % (ranks * rows):
            return f"{ranks} tensor parallel ranks would cut its {rows}-row blocks: {width} rows each in some layers"
    return ""


def _heads(model: Architecture) -> int:
    mixers = [mixer for layer in model.layers for mixer in layer.mixers]
    heads = [mixer.heads for mixer in mixers if isinstance(mixer, (Attention, LatentAttention, Compressed, KimiDelta))]
    heads += [mixer.value_heads for mixer in mixers if isinstance(mixer, GatedDelta)]
    return math.gcd(*heads) if heads else 1


def _split_widths(model: Architecture, options: EngineOptions) -> set[int]:
    widths = set()
    for layer in model.layers:
        if isinstance(layer.mlp, Mlp):
            widths.add(layer.mlp.width)
        elif isinstance(layer.mlp, Experts):
            widths |= {width for width in (0 if options.expert_parallel else layer.mlp.width, layer.mlp.shared) if width}
    return widths
