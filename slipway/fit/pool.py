"""Groups layers as vLLM's hybrid KV cache manager does, and counts the tokens that a pool of a given size holds.

After vLLM 0.32, vllm/v1/core/kv_cache_utils.py: get_kv_cache_groups, get_kv_cache_configs, get_kv_cache_capacity. Layers
of a group share one block table; a block is as large as the widest group's pages together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from slipway.fit.cache import Cache, Chunk, Latent, Request, State, Window, ceil_div


@dataclass(frozen=True)
class Placed:
    """A layer's cache and the pipeline stage it lives on."""

    cache: Cache
    stage: int = 0


Group = tuple[Placed, ...]


class CannotPool(ValueError):
    """vLLM cannot bring these layers' pages to one size."""


@dataclass(frozen=True)
class Pool:
    """All groups of a model, and what its blocks cost on each pipeline stage."""

    groups: tuple[Group, ...]
    stages: int = 1

    def block_bytes(self, stage: int = 0) -> int:
        """Bytes of one block on `stage`."""
        return max((sum(layer.cache.page for layer in group if layer.stage == stage) for group in self.groups), default=0)

    def blocks(self, request: Request) -> int:
        """Blocks that one request of full length takes from the pool."""
        return sum(max(layer.cache.blocks(request) for layer in group) for group in self.groups)

    def need(self, request: Request, stage: int = 0) -> int:
        """Bytes below which vLLM refuses to start: one full request, and the null block it always holds back."""
        return self.block_bytes(stage) * (self.blocks(request) + 1)

    def capacity(self, memory: Sequence[int], request: Request) -> Capacity:
        """What `memory`, in bytes for each stage, holds: the numbers of vLLM's log line "KV cache size: … tokens"."""
        if not self.groups:
            return Capacity(0, request.length, 1.0)
        count = min(max(memory[stage], 0) // self.block_bytes(stage) for stage in range(self.stages) if self.block_bytes(stage))
        concurrency = count / self.blocks(request)
        return Capacity(count, int(concurrency * request.length), concurrency)

    def longest(self, memory: Sequence[int], request: Request) -> int:
        """The largest length up to `request.length` that vLLM accepts; 0 where not even one token fits."""
        return longest_that(lambda length: self.holds(memory, replace(request, length=length)), request.length)

    def holds(self, memory: Sequence[int], request: Request) -> bool:
        return all(self.need(request, stage) <= memory[stage] for stage in range(self.stages))


@dataclass(frozen=True)
class Capacity:
    """`concurrency` is how many requests of full length fit at once; `tokens` is that times their length."""

    blocks: int
    tokens: int
    concurrency: float


def longest_that(fits: Callable[[int], bool], upper: int) -> int:
    """The largest whole number up to `upper` for which `fits`, which holds for all smaller ones; 0 for none."""
    if fits(upper):
        return upper
    low, high = 0, upper
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def build_pool(layers: Sequence[Placed], *, stages: int = 1, hybrid: bool = True, packed: bool = False) -> Pool:
    """Group `layers`, given in model order. Raises CannotPool.

    `hybrid` is False where vLLM switches its hybrid manager off; `packed` is True for layouts that put each block's
    layers next to each other (DeepSeek V4), where pages of several sizes need not be unified.
    """
    if not hybrid:
        layers = _promote(layers)
    if not layers:
        return Pool((), stages)
    if _uniform(layers):
        return Pool((tuple(layers),), stages)
    if packed:
        return Pool(tuple(_packed_groups(layers)), stages)
    unified = _unify(layers)
    if unified is None:
        promoted = _promote(layers)
        if not _uniform(promoted):
            raise CannotPool("the pages of its layers cannot be brought to one size")
        return Pool((tuple(promoted),), stages)
    return Pool(tuple(_equal_groups(unified)), stages)


def _uniform(layers: Sequence[Placed]) -> bool:
    first = layers[0].cache
    return all(first.like(layer.cache) for layer in layers)


def _promote(layers: Sequence[Placed]) -> list[Placed]:
    """Windows and chunks as full attention, where there is full attention beside them."""
    full = {layer.cache.block for layer in layers if not isinstance(layer.cache, (Window, Chunk, State))}
    if not full:
        return list(layers)

    def promoted(cache: Cache) -> Cache:
        return cache.promoted(next(iter(full)) if len(full) == 1 else cache.block) if isinstance(cache, (Window, Chunk)) else cache

    return [replace(layer, cache=promoted(layer.cache)) for layer in layers]


def _unify(layers: Sequence[Placed]) -> list[Placed] | None:
    """Every layer on pages of the largest page's size; None where a latent cache does not divide it."""
    largest = max(layer.cache.page for layer in layers)
    unified = []
    for layer in layers:
        cache = layer.cache if layer.cache.page == largest else layer.cache.on_page(largest)
        if cache is None:
            return None
        unified.append(replace(layer, cache=cache))
    return unified


def _equal_groups(layers: Sequence[Placed]) -> list[Group]:
    """Groups with the same number of layers: the rarest kind's, or the most frequent kind's where the two are close."""
    kinds: dict[Cache, list[Placed]] = {}
    for layer in layers:
        kinds.setdefault(layer.cache, []).append(layer)
    counts = [len(kind) for kind in kinds.values()]
    size = max(counts) if max(counts) < min(counts) * 1.5 else min(counts)
    groups = []
    for kind in kinds.values():
        number = ceil_div(len(kind), size)
        groups += [tuple(kind[start::number]) for start in range(number)]
    return groups


def _packed_groups(layers: Sequence[Placed]) -> list[Group]:
    """Groups of layers that hold equally many blocks, of whatever page sizes, balanced against each other."""
    buckets: list[list[Placed]] = []
    for layer in layers:
        home = next((bucket for bucket in buckets if bucket[0].cache.like(layer.cache)), None)
        if home is None:
            buckets.append([layer])
        else:
            home.append(layer)
    repeats = _repeats(buckets)
    groups: list[Group] = []
    for bucket in buckets:
        by_page = _by_page(bucket)
        number = ceil_div(len(next(iter(by_page.values()))), repeats) if repeats and _balanced(by_page) else 1
        if number == 1:
            groups.append(tuple(bucket))
            continue
        patterns = list(zip(*by_page.values(), strict=True))
        groups += [tuple(layer for pattern in patterns[start::number] for layer in pattern) for start in range(number)]
    return groups


def _by_page(bucket: Sequence[Placed]) -> dict[int, list[Placed]]:
    pages: dict[int, list[Placed]] = {}
    for layer in bucket:
        pages.setdefault(layer.cache.page, []).append(layer)
    return pages


def _balanced(by_page: dict[int, list[Placed]]) -> bool:
    return len({len(layers) for layers in by_page.values()}) == 1


def _repeats(buckets: Sequence[Sequence[Placed]]) -> int:
    """Layers of each page size in one group: what wastes least when every balanced bucket is cut into such groups."""
    balanced = [by_page for by_page in map(_by_page, buckets) if _balanced(by_page)]
    counts = [len(next(iter(by_page.values()))) for by_page in balanced]
    lowest = max((count for count, by_page in zip(counts, balanced, strict=True) if len(by_page) > 1), default=0)
    if not lowest:
        return 0
    return min(range(lowest, max(counts) + 1), key=lambda size: (sum(-count % size for count in counts), -size))


__all__ = ["Cache", "CannotPool", "Capacity", "Latent", "Placed", "Pool", "build_pool", "longest_that"]
