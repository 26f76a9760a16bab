"""Architecture + engine options + device → the cache of every layer, as vLLM's layers describe it to its cache manager.

Sources, all in vLLM 0.32: get_kv_cache_spec of Attention, MLAAttention, ChunkedLocalAttention and MambaBase;
MambaStateShapeCalculator; Platform.update_block_size_for_backend and CpuPlatform.check_and_update_config.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from slipway.fit.cache import Cache, Chunk, Latent, Request, State, Window, ceil_div
from slipway.fit.devices import Device
from slipway.fit.engine import EngineOptions
from slipway.fit.layers import Architecture, Attention, Compressed, GatedDelta, KimiDelta, LatentAttention, Layer, Mamba, Mixer, ShortConv
from slipway.fit.pool import Placed, Pool, build_pool
from slipway.fit.quantization import DTYPE_BYTES

RECURRENT = (GatedDelta, KimiDelta, Mamba, ShortConv)


class UnknownCacheFormat(ValueError):
    """A --kv-cache-dtype whose size is not known here."""


@dataclass(frozen=True)
class Setting:
    """What the caches depend on besides the layers."""

    model: Architecture
    options: EngineOptions
    device: Device
    fp8_cache: bool = False  # the checkpoint asks for an fp8 cache
    wide_states: bool = False  # a CPU with bf16 instructions keeps recurrent states in float32
    amx: bool = False  # a CPU with matrix tiles, whose latent attention is like a GPU's

    @property
    def latent(self) -> bool:
        return any(isinstance(mixer, LatentAttention) for layer in self.model.layers for mixer in layer.mixers)

    @property
    def hybrid(self) -> bool:
        return any(isinstance(mixer, RECURRENT) for layer in self.model.layers for mixer in layer.mixers)

    @property
    def plain_latent_cpu(self) -> bool:
        """vLLM's reference kernels for latent attention on a CPU: no chunked prefill, no prefix caching, blocks of 16."""
        return self.device.kind == "cpu" and self.latent and not self.amx

    @property
    def cache_dtype(self) -> str:
        if self.options.cache_dtype == "auto" and self.fp8_cache:
            return "fp8"
        return self.options.cache_dtype

    @property
    def prefix_caching(self) -> bool:
        return self.options.prefix_caching and not self.plain_latent_cpu


def stage_sizes(layers: int, stages: int) -> list[int]:
    """Layers on each pipeline stage; what is left over goes to the stages before the last (vllm/distributed/utils.py)."""
    sizes = [layers // stages] * stages
    for number in range(2, layers % stages + 2):
        sizes[-number] += 1
    return sizes


def build_pool_of(setting: Setting) -> Pool:
    """The pool of `setting`'s model. Raises UnknownCacheFormat, pool.CannotPool."""
    model, options = setting.model, setting.options
    block = _block(setting)
    sizes = stage_sizes(len(model.layers), options.pipeline_parallel)
    stages = [stage for stage, size in enumerate(sizes) for _ in range(size)]
    placed = [
        Placed(cache, stage) for layer, stage in zip(model.layers, stages, strict=True) for cache in _layer_caches(setting, layer, block)
    ]
    if options.uses_draft_head:
        placed += [Placed(cache, len(sizes) - 1) for layer in model.drafts for cache in _layer_caches(setting, layer, block)]
    # vLLM gives its hybrid manager up for chunks beside a draft head (vllm/config/vllm.py)
    chunked = any(isinstance(layer.cache, Chunk) for layer in placed)
    hybrid = options.hybrid_manager is not False and not (chunked and options.draft)
    packed = any(isinstance(mixer, Compressed) for layer in model.layers for mixer in layer.mixers)
    return build_pool(placed, stages=options.pipeline_parallel, hybrid=hybrid, packed=packed)


def _block(setting: Setting) -> int:
    """Tokens in a block. Recurrent layers need blocks so long that their state fits a page of attention's."""
    block = _kernel_block(setting)
    states = [state for layer in setting.model.layers for mixer in layer.mixers if (state := _state_bytes(setting, mixer))]
    growing = [cache for layer in setting.model.layers for cache in _growing(setting, layer, 1)]
    if not states or not growing:
        return block
    unit = max(block, 128) if setting.latent else max(block, _smallest_kernel_block(setting))
    return max(block, unit * ceil_div(max(states), unit * growing[0].width))


def _smallest_kernel_block(setting: Setting) -> int:
    return 32 if setting.device.kind == "cpu" else 16


def _kernel_block(setting: Setting) -> int:
    """Before any alignment: what the attention kernels that vLLM prefers on this device take."""
    if any(isinstance(mixer, Compressed) for layer in setting.model.layers for mixer in layer.mixers):
        return 256
    if setting.plain_latent_cpu:
        return 16
    if setting.options.block:
        return setting.options.block
    if setting.device.kind == "cpu":
        return 128
    if not setting.latent:
        return 16
    sparse = any(isinstance(mixer, LatentAttention) and mixer.indexer for layer in setting.model.layers for mixer in layer.mixers)
    if sparse or (setting.device.generation == 9 and setting.cache_dtype.startswith("fp8")):
        return 64  # the indexer's and FlashMLA's pages
    return 32 if setting.device.generation == 10 else 16  # FlashInfer, else FlashAttention or Triton


def _layer_caches(setting: Setting, layer: Layer, block: int) -> Iterator[Cache]:
    yield from _growing(setting, layer, block)
    for mixer in layer.mixers:
        size = _state_bytes(setting, mixer)
        if size:
            yield _state(setting, mixer, size, block)


def _growing(setting: Setting, layer: Layer, block: int) -> Iterator[Cache]:
    for mixer in layer.mixers:
        if isinstance(mixer, Attention) and not mixer.shared:
            yield _attention(setting, mixer, block)
        elif isinstance(mixer, LatentAttention):
            yield from _latent(setting, mixer, block)
        elif isinstance(mixer, Compressed):
            yield from _compressed(mixer, block)


def _attention(setting: Setting, mixer: Attention, block: int) -> Cache:
    heads = max(1, mixer.kv_heads // setting.options.tensor_parallel)
    width = heads * _head_bytes(setting, mixer.head, mixer.value_head)
    shape = (heads, mixer.head, mixer.value_head)
    if mixer.window:
        return Window(block, width, shape, span=mixer.window)
    if mixer.chunk:
        return Chunk(block, width, shape, span=mixer.chunk)
    return Cache(block, width, shape)


def _head_bytes(setting: Setting, key: int, value: int) -> int:
    """Bytes that one head keeps of one token."""
    dtype = setting.cache_dtype
    if dtype in ("auto", "bfloat16", "float16"):
        return (key + value) * _plain_bytes(setting, dtype)
    if dtype in ("fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc"):
        return key + value
    if dtype in ("fp8_per_token_head", "int8_per_token_head"):
        return key + value + 8  # a float32 scale each (backends/triton_attn.py, customize_spec)
    if dtype == "int4_per_token_head":
        return (key + value) // 2 + 8
    if dtype in ("nvfp4", "nvfp4_4over6"):
        return (key + value) // 2 + (key + value) // 16  # an fp8 scale for every 16 (backends/flashinfer.py, customize_spec)
    raise UnknownCacheFormat(f"--kv-cache-dtype {dtype}")


def _plain_bytes(setting: Setting, dtype: str = "auto") -> int:
    if dtype != "auto":
        return 2
    # vLLM serves float32 checkpoints as they are told, and otherwise in 16 bits (vllm/config/model.py)
    chosen = setting.options.dtype or setting.model.dtype
    return 4 if chosen in ("float32", "float") and setting.options.dtype else min(DTYPE_BYTES.get(chosen, 2), 2)


def _latent(setting: Setting, mixer: LatentAttention, block: int) -> Iterator[Cache]:
    numbers = mixer.rank + mixer.rope
    dtype = setting.cache_dtype
    if dtype in ("auto", "bfloat16", "float16"):
        width = numbers * _plain_bytes(setting, dtype)
    elif dtype.startswith("fp8"):
        # FlashMLA's sparse kernels keep scales and 16-bit positions beside the 8-bit numbers: 656 bytes; others do not
        width = 656 if mixer.indexer and setting.device.generation != 10 else numbers
    else:
        raise UnknownCacheFormat(f"--kv-cache-dtype {dtype} with latent attention")
    yield Latent(block, width, (mixer.rank, mixer.rope))
    if mixer.indexer:
        # 8-bit keys with a float32 scale for every 128 (models/deepseek_v2.py, Indexer)
        yield Latent(block, mixer.indexer + mixer.indexer // 128 * 4, (mixer.indexer,))


def _compressed(mixer: Compressed, block: int) -> Iterator[Cache]:
    """DeepSeek V4's four or five caches of a layer, in fp8_ds_mla's packing (vllm/models/deepseek_v4/)."""
    yield _aligned(Window(64, 584, (mixer.head,), span=mixer.window))
    if mixer.ratio == 1:
        return
    yield _compact(block, block // mixer.ratio * 584, mixer.head)
    yield from _compressor(mixer.ratio, mixer.head)
    if mixer.ratio == 4:
        yield _compact(block, block // mixer.ratio * (mixer.indexer + mixer.indexer // 128 * 4), mixer.indexer)
        yield from _compressor(mixer.ratio, mixer.indexer)


def _compressor(ratio: int, head: int) -> Iterator[Cache]:
    """The uncompressed tail: float32 keys and scores of a small window."""
    overlap = 2 if ratio == 4 else 1
    yield _aligned(Window(4 if ratio == 4 else 8, 2 * overlap * head * 4, (head, ratio), span=overlap * ratio))


def _aligned(cache: Window) -> Cache:
    return replace(cache, padded=ceil_div(cache.block * cache.width, 576) * 576)


def _compact(block: int, page: int, head: int) -> Cache:
    return Latent(block, 1, (head, page), padded=ceil_div(page, 576) * 576)


def _state_bytes(setting: Setting, mixer: Mixer) -> int:
    """Bytes of one copy of a recurrent layer's state on one rank; 0 for layers without."""
    ranks, ahead = setting.options.tensor_parallel, setting.options.draft_tokens
    plain = DTYPE_BYTES.get(setting.options.state_dtype, _plain_bytes(setting))
    wide = _ssm_bytes(setting, plain)
    if isinstance(mixer, GatedDelta):
        conv = (2 * mixer.key_heads * mixer.key + mixer.value_heads * mixer.value) // ranks * (mixer.kernel - 1 + ahead)
        return conv * plain + mixer.value_heads // ranks * mixer.value * mixer.key * wide
    if isinstance(mixer, KimiDelta):
        inner = mixer.heads * mixer.head
        conv = 3 * inner // ranks * (mixer.kernel - 1 + ahead)
        return conv * plain + mixer.heads // ranks * mixer.head * mixer.head * 4
    if isinstance(mixer, Mamba):
        groups = mixer.groups if mixer.groups % ranks == 0 else ranks
        conv = (mixer.heads * mixer.head + 2 * groups * mixer.state) // ranks * (mixer.kernel - 1 + ahead)
        return conv * plain + mixer.heads // ranks * mixer.head * mixer.state * wide
    if isinstance(mixer, ShortConv):
        return mixer.width // ranks * (mixer.kernel - 1 + ahead) * plain
    return 0


def _ssm_bytes(setting: Setting, plain: int) -> int:
    """--mamba-ssm-cache-dtype, else what the model asks for, else as the convolution's state."""
    if setting.wide_states and setting.options.ssm_dtype in ("", "auto"):
        return 4
    chosen = setting.options.ssm_dtype or setting.model.state_dtype
    return DTYPE_BYTES.get(chosen, plain)


def _state(setting: Setting, mixer: Mixer, size: int, block: int) -> Cache:
    """A state padded to a page of attention's, and its copies for one request.

    With prefix caching a request holds the state it works on and the one it began with; Mamba 2 a checkpoint besides.
    """
    copies = 1 + setting.options.draft_tokens
    if setting.prefix_caching:
        copies += 2 if isinstance(mixer, Mamba) else 1
    length = block if setting.prefix_caching else setting.options.max_model_len or setting.model.context
    page = max((cache.page for layer in setting.model.layers for cache in _growing(setting, layer, block)), default=0)
    return State(length, size, padded=page if page > size else 0, copies=copies)


@dataclass(frozen=True)
class Holding:
    """What one long request takes of the pool, in bytes of all stages: for each further token, for its windows, for its states."""

    per_token: float
    windows: int
    states: int


def measure(pool: Pool, request: Request) -> Holding:
    block = sum(pool.block_bytes(stage) for stage in range(pool.stages))
    growing, windows, states = 0.0, 0, 0
    for group in pool.groups:
        cache = group[0].cache
        if isinstance(cache, State):
            states += block * cache.copies
        elif isinstance(cache, (Window, Chunk)):
            windows += block * cache.blocks(request)
        else:
            growing += block / cache.block
    return Holding(growing, windows, states)
