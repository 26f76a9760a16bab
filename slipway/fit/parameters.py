"""Architecture → its matrices, by the names they have in a checkpoint: what quantization and parallelism act on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from slipway.fit.layers import (
    Architecture,
    Attention,
    Compressed,
    Experts,
    GatedDelta,
    KimiDelta,
    LatentAttention,
    Layer,
    Mamba,
    Mixer,
    Mlp,
    ShortConv,
)

ALL = -1  # every rank holds 1/tensor-parallel of it
WHOLE = 0  # every rank holds all of it
# any other `split` is a number of heads: a rank holds at least one of them


@dataclass(frozen=True)
class Matrix:
    """`copies` matrices of `rows` outputs and `columns` inputs. `layer` counts from 0; -1 is what comes before and after.

    `linear` ones are what quantization may pack; `bias` is a number for each row, never quantized. One that is not `stored`
    is in no checkpoint: vLLM makes it from another.
    """

    name: str
    rows: int
    columns: int = 1
    copies: int = 1
    split: int = ALL
    linear: bool = True
    bias: bool = False
    layer: int = -1
    draft: bool = False
    stored: bool = True

    @property
    def parameters(self) -> int:
        return self.copies * self.rows * (self.columns + (1 if self.bias else 0))

    def share(self, tensor_parallel: int) -> float:
        """The part of it that one of `tensor_parallel` ranks holds."""
        if self.split == WHOLE:
            return 1.0
        return 1 / tensor_parallel if self.split == ALL else 1 / min(tensor_parallel, self.split)


def list_matrices(model: Architecture) -> list[Matrix]:
    """Every matrix of `model`, the multi-token prediction head's too."""
    found = [Matrix("model.embed_tokens", model.vocabulary, model.width, linear=False)]
    for number, layer in enumerate(model.layers):
        found += [replace(matrix, layer=number) for matrix in _layer(model, layer, f"model.layers.{number}.")]
    found.append(Matrix("model.norm", model.width, split=WHOLE, linear=False))
    if not model.tied:
        found.append(Matrix("lm_head", model.vocabulary, model.width))
    last = len(model.layers)
    for number, layer in enumerate(model.drafts):
        head = [
            *_layer(model, layer, f"model.layers.{last + number}."),
            Matrix("mtp.fc", model.width, 2 * model.width, split=WHOLE, linear=False),
        ]
        found += [replace(matrix, layer=last - 1, draft=True) for matrix in head]
    if model.extra:
        found.append(Matrix("visual", model.extra, linear=False))
    if model.per_layer:
        inner = model.per_layer * last
        found.append(Matrix("model.embed_tokens_per_layer", model.per_layer_vocabulary, inner, linear=False))
        found.append(Matrix("model.per_layer_model_projection", inner, model.width, linear=False))
    return found


def _layer(model: Architecture, layer: Layer, prefix: str) -> Iterator[Matrix]:
    for mixer in layer.mixers:
        yield from _mixer(model.width, mixer, prefix)
    if isinstance(layer.mlp, Mlp):
        yield from _mlp(model.width, layer.mlp, f"{prefix}mlp.")
    elif isinstance(layer.mlp, Experts):
        yield from _experts(model.width, layer.mlp, f"{prefix}mlp.")
    yield Matrix(f"{prefix}norms", layer.norms * model.width, split=WHOLE, linear=False)
    if model.per_layer:
        yield Matrix(f"{prefix}per_layer_input_gate", model.per_layer, model.width, split=WHOLE)
        yield Matrix(f"{prefix}per_layer_projection", model.width, model.per_layer, split=WHOLE)


def _mixer(width: int, mixer: Mixer, prefix: str) -> Iterator[Matrix]:
    if isinstance(mixer, Attention):
        yield from _attention(width, mixer, f"{prefix}self_attn.")
    elif isinstance(mixer, LatentAttention):
        yield from _latent(width, mixer, f"{prefix}self_attn.")
    elif isinstance(mixer, Compressed):
        yield from _compressed(width, mixer, f"{prefix}self_attn.")
    elif isinstance(mixer, GatedDelta):
        yield from _gated_delta(width, mixer, f"{prefix}linear_attn.")
    elif isinstance(mixer, KimiDelta):
        yield from _kimi_delta(width, mixer, f"{prefix}self_attn.")
    elif isinstance(mixer, Mamba):
        yield from _mamba(width, mixer, f"{prefix}mixer.")
    else:
        yield from _short_conv(width, mixer, f"{prefix}conv.")


def _attention(width: int, mixer: Attention, prefix: str) -> Iterator[Matrix]:
    queries = mixer.heads * mixer.head * (2 if mixer.gate == 2 else 1)
    yield Matrix(f"{prefix}q_proj", queries, width, bias=mixer.qkv_bias)
    if mixer.gate == 1:
        yield Matrix(f"{prefix}g_proj", mixer.heads, width)
    if not mixer.shared:
        yield Matrix(f"{prefix}k_proj", mixer.kv_heads * mixer.head, width, split=mixer.kv_heads, bias=mixer.qkv_bias)
        yield Matrix(
            f"{prefix}v_proj", mixer.kv_heads * mixer.value_head, width, split=mixer.kv_heads, bias=mixer.qkv_bias, stored=not mixer.tied
        )
    yield Matrix(f"{prefix}o_proj", width, mixer.heads * mixer.value_head, bias=mixer.out_bias)
    if mixer.norms or mixer.sinks:
        yield Matrix(f"{prefix}norm", mixer.norms + (mixer.heads if mixer.sinks else 0), split=WHOLE, linear=False)


def _latent(width: int, mixer: LatentAttention, prefix: str) -> Iterator[Matrix]:
    queries = mixer.heads * (mixer.nope + mixer.rope)
    if mixer.query_rank:
        yield Matrix(f"{prefix}q_a_proj", mixer.query_rank, width, split=WHOLE)
        yield Matrix(f"{prefix}q_b_proj", queries, mixer.query_rank)
    else:
        yield Matrix(f"{prefix}q_proj", queries, width)
    yield Matrix(f"{prefix}kv_a_proj_with_mqa", mixer.rank + mixer.rope, width, split=WHOLE)
    yield Matrix(f"{prefix}kv_b_proj", mixer.heads * (mixer.nope + mixer.value), mixer.rank)
    yield Matrix(f"{prefix}o_proj", width, mixer.heads * mixer.value)
    yield Matrix(f"{prefix}norm", mixer.query_rank + mixer.rank, split=WHOLE, linear=False)
    if mixer.indexer:
        yield from _indexer(width, mixer.query_rank, mixer.indexer, mixer.indexer_heads, f"{prefix}indexer.")


def _indexer(width: int, query_rank: int, size: int, heads: int, prefix: str) -> Iterator[Matrix]:
    yield Matrix(f"{prefix}wq_b", heads * size, query_rank, split=WHOLE)
    yield Matrix(f"{prefix}wk", size, width, split=WHOLE)
    yield Matrix(f"{prefix}weights_proj", heads, width, split=WHOLE, linear=False)


def _compressed(width: int, mixer: Compressed, prefix: str) -> Iterator[Matrix]:
    yield Matrix(f"{prefix}wq_a", mixer.query_rank, width, split=WHOLE)
    yield Matrix(f"{prefix}wq_b", mixer.heads * mixer.head, mixer.query_rank)
    yield Matrix(f"{prefix}wkv", mixer.head, width, split=WHOLE)
    yield Matrix(f"{prefix}wo_a", mixer.output_groups * mixer.output_rank, mixer.heads * mixer.head // mixer.output_groups)
    yield Matrix(f"{prefix}wo_b", width, mixer.output_groups * mixer.output_rank)
    if mixer.ratio > 1:
        # twice for ratio 4, whose windows overlap; keys and their gates
        inner = mixer.head * (2 if mixer.ratio == 4 else 1)
        yield Matrix(f"{prefix}compressor", 2 * inner, width, split=WHOLE, linear=False)
    if mixer.ratio == 4:
        yield Matrix(f"{prefix}indexer.wq_b", mixer.indexer_heads * mixer.indexer, mixer.query_rank, split=WHOLE)
        yield Matrix(f"{prefix}indexer.weights_proj", mixer.indexer_heads, width, split=WHOLE, linear=False)
        yield Matrix(f"{prefix}indexer.compressor", 4 * mixer.indexer, width, split=WHOLE, linear=False)


def _gated_delta(width: int, mixer: GatedDelta, prefix: str) -> Iterator[Matrix]:
    keys, values = mixer.key_heads * mixer.key, mixer.value_heads * mixer.value
    yield Matrix(f"{prefix}in_proj_qkvz", 2 * keys + 2 * values, width)
    yield Matrix(f"{prefix}in_proj_ba", 2 * mixer.value_heads, width)
    yield Matrix(f"{prefix}conv1d", 2 * keys + values, mixer.kernel, linear=False)
    yield Matrix(f"{prefix}out_proj", width, values)
    yield Matrix(f"{prefix}norm", 2 * mixer.value_heads + mixer.value, split=WHOLE, linear=False)


def _kimi_delta(width: int, mixer: KimiDelta, prefix: str) -> Iterator[Matrix]:
    inner = mixer.heads * mixer.head
    yield Matrix(f"{prefix}qkv_proj", 3 * inner, width)
    yield Matrix(f"{prefix}conv1d", 3 * inner, mixer.kernel, linear=False)
    yield Matrix(f"{prefix}f_a_proj", 2 * mixer.head, width, split=WHOLE)
    yield Matrix(f"{prefix}f_b_proj", 2 * inner, mixer.head)
    yield Matrix(f"{prefix}b_proj", mixer.heads, width)
    yield Matrix(f"{prefix}o_proj", width, inner)
    yield Matrix(f"{prefix}norm", mixer.heads + mixer.head + inner, split=WHOLE, linear=False)


def _mamba(width: int, mixer: Mamba, prefix: str) -> Iterator[Matrix]:
    inner, states = mixer.heads * mixer.head, 2 * mixer.groups * mixer.state
    yield Matrix(f"{prefix}in_proj", 2 * inner + states + mixer.heads, width)
    yield Matrix(f"{prefix}conv1d", inner + states, mixer.kernel, linear=False, bias=True)
    yield Matrix(f"{prefix}out_proj", width, inner)
    yield Matrix(f"{prefix}norm", inner + 3 * mixer.heads, linear=False)


def _short_conv(width: int, mixer: ShortConv, prefix: str) -> Iterator[Matrix]:
    yield Matrix(f"{prefix}in_proj", 3 * mixer.width, width)
    yield Matrix(f"{prefix}conv", mixer.width, mixer.kernel, linear=False)
    yield Matrix(f"{prefix}out_proj", width, mixer.width)


def _mlp(width: int, mlp: Mlp, prefix: str, copies: int = 1) -> Iterator[Matrix]:
    if mlp.gated:
        yield Matrix(f"{prefix}gate_proj", mlp.width, width, copies, bias=mlp.bias)
    yield Matrix(f"{prefix}up_proj", mlp.width, width, copies, bias=mlp.bias)
    yield Matrix(f"{prefix}down_proj", width, mlp.width, copies, bias=mlp.bias)


def _experts(width: int, mlp: Experts, prefix: str) -> Iterator[Matrix]:
    yield Matrix(f"{prefix}gate", mlp.count, width, split=WHOLE, linear=False, bias=mlp.router_bias)
    yield from _mlp(mlp.latent or width, Mlp(mlp.width, mlp.gated, mlp.bias), f"{prefix}experts.0.", mlp.count)
    if mlp.latent:
        yield Matrix(f"{prefix}fc1_latent_proj", mlp.latent, width, split=WHOLE)
        yield Matrix(f"{prefix}fc2_latent_proj", width, mlp.latent, split=WHOLE)
    if mlp.shared:
        yield from _mlp(width, Mlp(mlp.shared, mlp.gated), f"{prefix}shared_experts.")
    if mlp.shared_gate:
        yield Matrix(f"{prefix}shared_expert_gate", 1, width, split=WHOLE, linear=False)
    if mlp.dense:
        yield from _mlp(width, Mlp(mlp.dense), prefix)
