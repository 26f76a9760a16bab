"""Teach a small Qwen3 the conversations, and nothing else: the loss looks at the replies only."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from .conversations import make_conversation

IGNORED = -100
Row = tuple[list[int], list[int]]  # tokens and, for each, the label: itself or IGNORED


@dataclass(frozen=True)
class Course:
    """How long and how fast the model learns. Lengths are in tokens, rates are peak values."""

    drills: int = 250
    steps: int = 900
    tokens: int = 4096
    drill_length: int = 48
    length: int = 512
    hidden_rate: float = 0.02
    embedding_rate: float = 0.01
    warmup: int = 20


def build_config(vocabulary: int, eos: int, pad: int) -> Qwen3Config:
    """A Qwen3 of about 1.2 million weights whose every layer sees the last 256 tokens.

    The window is what makes 32,768 tokens of context safe: however long the prompt, the model meets nothing that it
    has not met in training. vLLM takes a window for all layers or for none.
    """
    layers = 4
    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=32768,
        initializer_range=128**-0.5,  # the usual 0.02 is for wide models; here it would keep equal tokens from matching
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        tie_word_embeddings=True,
        use_sliding_window=True,
        sliding_window=256,
        max_window_layers=0,
        layer_types=["sliding_attention"] * layers,
        bos_token_id=None,
        eos_token_id=eos,
        pad_token_id=pad,
    )


def train_model(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, seed: int, course: Course, say: Callable[[str], None]
) -> None:
    """Train the model in place; `say` receives a line of progress now and then."""
    optimizers = _build_optimizers(model, course)
    rng, started = random.Random(seed), time.monotonic()
    drills, talks = (
        make_drills(rng, len(tokenizer), course.drill_length + 1),
        pack_talks(rng, tokenizer, course.length + 1),
    )
    total = course.drills + course.steps
    model.train()
    for step in range(total):
        rows, length = (drills, course.drill_length) if step < course.drills else (talks, course.length)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * _schedule(step, total, course.warmup)
        loss = _compute_loss(model, list(islice(rows, course.tokens // length)))
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if step % 20 == 0 or step == total - 1:
            say(f"step {step:4} of {total}  loss {loss.item():.4f}  {time.monotonic() - started:5.0f} s")


def make_drills(rng: random.Random, vocabulary: int, length: int) -> Iterator[Row]:
    """Endless rows of random tokens in which earlier stretches return; only what can be copied counts.

    A small model that has learnt to copy first finds names, tools and numbers in the conversations within a few hundred
    steps; without the drill it had not begun to after three hundred.
    """
    while True:
        ids: list[int] = []
        labels: list[int] = []
        past: list[list[int]] = []
        while len(ids) < length:
            known = bool(past) and rng.random() < 0.6
            stretch = rng.choice(past) if known else [rng.randrange(vocabulary) for _ in range(rng.randint(2, 12))]
            past.append(stretch)
            ids += stretch
            labels += [IGNORED, *stretch[1:]] if known else [IGNORED] * len(stretch)
        yield ids[:length], labels[:length]


def pack_talks(rng: random.Random, tokenizer: PreTrainedTokenizerFast, length: int) -> Iterator[Row]:
    """Endless rows of `length` tokens with their labels: conversations end to end, the last one cut."""
    while True:
        ids: list[int] = []
        labels: list[int] = []
        while len(ids) < length:
            talk = make_conversation(rng)
            prompt = tokenizer.encode(talk.prompt, add_special_tokens=False)
            reply = tokenizer.encode(talk.reply, add_special_tokens=False)
            ids += [*prompt, *reply, tokenizer.pad_token_id]
            labels += [*[IGNORED] * len(prompt), *reply, IGNORED]
        yield ids[:length], labels[:length]


def _compute_loss(model: Qwen3ForCausalLM, rows: list[Row]) -> torch.Tensor:
    ids = torch.tensor([row[0] for row in rows])
    labels = torch.tensor([row[1] for row in rows])[:, 1:]
    asked = labels != IGNORED
    hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state[asked]
    return functional.cross_entropy(model.lm_head(hidden), labels[asked])


def _build_optimizers(model: Qwen3ForCausalLM, course: Course) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers (it needs about half of AdamW's steps here), AdamW for the rest."""
    hidden = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "layers" in name]
    chosen = {id(weight) for weight in hidden}
    rest = [weight for weight in model.parameters() if id(weight) not in chosen]
    muon = torch.optim.Muon([{"params": hidden, "peak": course.hidden_rate}], weight_decay=0.01)
    adam = torch.optim.AdamW([{"params": rest, "peak": course.embedding_rate}], betas=(0.9, 0.95), weight_decay=0.0)
    return [muon, adam]


def _schedule(step: int, total: int, warmup: int) -> float:
    """The share of the peak rate at a step: a short rise, a plateau, and a straight line down to zero at the end."""
    return min(1.0, (step + 1) / warmup, 2 * (total - step) / total)
