"""What a model is made of, layer by layer: plain numbers, whatever family or file they come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attention:
    """Grouped-query attention. `window` and `chunk` are in tokens, 0 for full attention.

    `shared` layers read an earlier layer's keys and values and keep none; `gate` is 0, 1 for one output gate per head,
    or 2 for one per channel; `tied` layers use their keys as values (Gemma 4).
    """

    heads: int
    kv_heads: int
    head: int
    value: int = 0  # size of a value head; 0: as `head`
    window: int = 0
    chunk: int = 0
    shared: bool = False
    tied: bool = False
    qkv_bias: bool = False
    out_bias: bool = False
    norms: int = 0  # parameters of query and key norms
    sinks: bool = False
    gate: int = 0

    @property
    def value_head(self) -> int:
        return self.value or self.head


@dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek, Kimi, GLM): a token keeps `rank` + `rope` numbers, for all heads together.

    `indexer` is the width of the sparse-attention indexer's heads (DeepSeek V3.2, GLM 5), 0 for layers without one.
    """

    heads: int
    rank: int
    rope: int
    nope: int
    value: int
    query_rank: int = 0
    indexer: int = 0
    indexer_heads: int = 0


@dataclass(frozen=True)
class GatedDelta:
    """Gated delta net (Qwen3-Next, Qwen3.5/3.6): a recurrent state in place of a cache."""

    key_heads: int
    value_heads: int
    key: int
    value: int
    kernel: int


@dataclass(frozen=True)
class KimiDelta:
    """Kimi's delta attention (Kimi Linear)."""

    heads: int
    head: int
    kernel: int


@dataclass(frozen=True)
class Mamba:
    """Mamba 2 (Nemotron-H, Granite 4, Falcon-H1)."""

    heads: int
    head: int
    groups: int
    state: int
    kernel: int


@dataclass(frozen=True)
class ShortConv:
    """A gated short convolution (LFM2)."""

    width: int
    kernel: int


@dataclass(frozen=True)
class Compressed:
    """DeepSeek V4: a sliding window, and for `ratio` above 1 compressed keys of `ratio` tokens each; 4 has an indexer too."""

    heads: int
    head: int
    ratio: int
    window: int
    query_rank: int
    output_groups: int
    output_rank: int
    indexer: int
    indexer_heads: int


Mixer = Attention | LatentAttention | GatedDelta | KimiDelta | Mamba | ShortConv | Compressed


@dataclass(frozen=True)
class Mlp:
    """A feed-forward block; `gated` ones have three matrices, others two."""

    width: int
    gated: bool = True
    bias: bool = False


@dataclass(frozen=True)
class Experts:
    """Routed experts, and what runs beside them for every token."""

    count: int
    active: int
    width: int
    gated: bool = True
    shared: int = 0  # width of the shared experts together
    shared_gate: bool = False
    bias: bool = False
    router_bias: bool = False
    latent: int = 0  # width that tokens are projected to before the experts; 0: none
    dense: int = 0  # width of a dense block beside the experts (Gemma 4)


@dataclass(frozen=True)
class Layer:
    mixers: tuple[Mixer, ...] = ()
    mlp: Mlp | Experts | None = None
    norms: int = 2  # vectors of the model's width


@dataclass(frozen=True)
class Architecture:
    """A language model. `drafts` are the layers of its multi-token prediction head, which load only where they are used.

    `extra` counts parameters beside the layers that are loaded unquantized: a vision tower, a projector.
    """

    family: str
    width: int
    vocabulary: int
    context: int
    dtype: str
    layers: tuple[Layer, ...]
    drafts: tuple[Layer, ...] = ()
    tied: bool = False
    extra: int = 0
    per_layer: int = 0  # width of per-layer embeddings (Gemma 4 E-series)
    per_layer_vocabulary: int = 0
    state_dtype: str = ""  # of recurrent states; empty: as `dtype`
    known: bool = True  # False: read as a plain transformer, because the family is not one that is known here
