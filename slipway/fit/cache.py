"""What a layer keeps for each request: pages and blocks, as vLLM's cache specs count them (vllm/v1/kv_cache_interface.py)."""

from __future__ import annotations

from dataclasses import dataclass, replace


def ceil_div(value: int, unit: int) -> int:
    return -(-value // unit)


@dataclass(frozen=True)
class Request:
    """The longest request that a pool must hold.

    `length` is max_model_len in tokens; `in_flight` is what may be scheduled but not yet settled, in tokens:
    VllmConfig.max_in_flight_tokens, which a window's or a chunk's layers hold beyond their span.
    """

    length: int
    in_flight: int


@dataclass(frozen=True)
class Cache:
    """One layer's cache. `block` is in tokens, `width` in bytes for each token, `padded` in bytes for a page (0: no padding).

    `shape` tells apart layers of equal width that vLLM will not put together (other heads, other head sizes).
    """

    block: int
    width: int
    shape: tuple[int, ...] = ()
    padded: int = 0

    @property
    def page(self) -> int:
        """Bytes of one block."""
        return self.padded or self.block * self.width

    def blocks(self, request: Request) -> int:
        """Blocks that one request of full length holds."""
        return ceil_div(request.length, self.block)

    def like(self, other: Cache) -> bool:
        """Whether both always hold the same number of blocks, so that they can share a block table."""
        return isinstance(other, Cache) and not isinstance(other, (Window, Chunk, State)) and self.block == other.block

    def on_page(self, page: int) -> Cache | None:
        """The same cache with pages of `page` bytes: longer blocks where they divide, else padding; None where neither works."""
        if page % self.page == 0:
            return replace(self, block=self.block * (page // self.page))
        return replace(self, padded=page)


@dataclass(frozen=True)
class Latent(Cache):
    """Multi-head latent attention: one vector for each token, whatever the number of heads. Its pages cannot be padded."""

    def on_page(self, page: int) -> Cache | None:
        return replace(self, block=self.block * (page // self.page)) if page % self.page == 0 else None


@dataclass(frozen=True)
class Window(Cache):
    """Sliding-window attention over `span` tokens. `retained` are further tokens that a multi-layer draft head reads again."""

    span: int = 0
    retained: int = 0

    def blocks(self, request: Request) -> int:
        # one block more, because a window rarely begins where a block does
        return ceil_div(min(self.span - 1 + self.retained + request.in_flight, request.length), self.block) + 1

    def like(self, other: Cache) -> bool:
        return isinstance(other, Window) and other.span == self.span and other.block == self.block

    def promoted(self, block: int) -> Cache:
        """As full attention: what vLLM allocates where it gives up on windows."""
        return Cache(block, self.width, self.shape, self.padded)


@dataclass(frozen=True)
class Chunk(Cache):
    """Chunked local attention (Llama 4): each chunk of `span` tokens looks at itself only."""

    span: int = 0

    def blocks(self, request: Request) -> int:
        return ceil_div(min(self.span + request.in_flight, request.length), self.block)

    def like(self, other: Cache) -> bool:
        return isinstance(other, Chunk) and other.span == self.span and other.block == self.block

    def promoted(self, block: int) -> Cache:
        return Cache(block, self.width, self.shape, self.padded)


@dataclass(frozen=True)
class State(Cache):
    """A recurrent layer (Mamba, gated delta net, short convolution): `width` bytes a copy, `copies` of it for each request."""

    copies: int = 1

    @property
    def page(self) -> int:
        return self.padded or self.width

    def blocks(self, request: Request) -> int:
        return self.copies

    def like(self, other: Cache) -> bool:
        return isinstance(other, State) and other.copies == self.copies and other.page == self.page and other.block == self.block

    def on_page(self, page: int) -> Cache | None:
        return replace(self, padded=page)
