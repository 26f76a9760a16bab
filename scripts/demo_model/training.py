"""Teach a small Qwen3 the conversations, and nothing else: the loss looks at the replies only."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from .conversations import Conversation, make_conversation, make_easy_conversation
from .copying import lay_copying_circuit

CONTEXT = 32768  # tokens
IGNORED = -100
USER = "<|im_start|>user"
Row = tuple[list[int], list[int]]  # tokens and, for each, the label: itself or IGNORED


@dataclass(frozen=True)
class Course:
    """How long and how fast the model learns. Lengths are in tokens, rates are peak values.

    The first `easy` steps are tool calls without anything around them: which words to copy must be found before the rest
    becomes a habit. `bare` is the share of conversations without their system turn, which is the longest part and out of
    the model's sight as a rule.
    """

    steps: int = 640
    easy: int = 120
    batch: int = 10
    length: int = 384
    hidden_rate: float = 0.005
    embedding_rate: float = 0.003
    warmup: int = 20
    bare: float = 0.7


TEACHING = Course()
MENDING = Course(steps=160, easy=0, hidden_rate=0.0015, embedding_rate=0.0009, bare=0.3)


def plan_mending(attempt: int) -> Course:
    """A short course from rounded weights on, which mends what the last one left uncertain; each slower than the one before."""
    pace = 0.5**attempt
    return replace(MENDING, hidden_rate=MENDING.hidden_rate * pace, embedding_rate=MENDING.embedding_rate * pace)


def build_config(vocabulary: int, eos: int, pad: int) -> Qwen3Config:
    """A Qwen3 of 1.4 million weights whose every layer sees the last 256 tokens.

    The window is what makes 32,768 tokens of context safe: however long the prompt, the model meets nothing that it
    has not met in training. vLLM takes a window for all layers or for none.
    """
    layers = 4
    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=128,  # one head carries a whole embedding
        max_position_embeddings=CONTEXT,
        initializer_range=128**-0.5,  # embeddings of length 1; copying needs them far apart
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


def build_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """A fresh model for the tokenizer, able to copy and nothing else."""
    model = Qwen3ForCausalLM(build_config(len(tokenizer), tokenizer.eos_token_id, tokenizer.pad_token_id))
    lay_copying_circuit(model)
    return model


def train_model(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, seed: int, course: Course, say: Callable[[str], None]
) -> None:
    """Train the model in place; `say` receives a line of progress now and then."""
    optimizers = _build_optimizers(model, course)
    rng = random.Random(seed)
    easy = pack_talks(rng, tokenizer, course, make_easy_conversation)
    rows = pack_talks(rng, tokenizer, course, make_conversation)
    started = time.monotonic()
    model.train()
    for step in range(course.steps):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * _schedule(step, course)
        loss = _compute_loss(model, list(islice(easy if step < course.easy else rows, course.batch)))
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if step % 20 == 0 or step == course.steps - 1:
            say(f"step {step:4} of {course.steps}  loss {loss.item():.4f}  {time.monotonic() - started:5.0f} s")


def pack_talks(
    rng: random.Random, tokenizer: PreTrainedTokenizerFast, course: Course, make: Callable[[random.Random], Conversation]
) -> Iterator[Row]:
    """Endless rows of the course's length, and one token more, with their labels: conversations end to end, the last one cut."""
    length = course.length + 1
    while True:
        ids: list[int] = []
        labels: list[int] = []
        while len(ids) < length:
            talk = make(rng)
            start = max(talk.prompt.find(USER), 0) if rng.random() < course.bare else 0
            prompt = tokenizer.encode(talk.prompt[start:], add_special_tokens=False)
            reply = tokenizer.encode(talk.reply, add_special_tokens=False)
            ids += [*prompt, *reply, tokenizer.pad_token_id]
            labels += [*[IGNORED] * len(prompt), *reply, IGNORED]
        yield ids[:length], labels[:length]


def _compute_loss(model: Qwen3ForCausalLM, rows: list[Row]) -> torch.Tensor:
    ids = torch.tensor([row[0] for row in rows])
    labels = torch.tensor([row[1] for row in rows])[:, 1:]
    asked = labels != IGNORED
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state[asked]
        logits = model.lm_head(hidden)
    return functional.cross_entropy(logits.float(), labels[asked])


def _build_optimizers(model: Qwen3ForCausalLM, course: Course) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, which learn faster with it, and AdamW for the rest."""
    hidden = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "layers" in name]
    chosen = {id(weight) for weight in hidden}
    rest = [weight for weight in model.parameters() if id(weight) not in chosen]
    muon = torch.optim.Muon([{"params": hidden, "peak": course.hidden_rate}], weight_decay=0.01)
    adam = torch.optim.AdamW([{"params": rest, "peak": course.embedding_rate}], betas=(0.9, 0.95), weight_decay=0.0)
    return [muon, adam]


def _schedule(step: int, course: Course) -> float:
    """The share of the peak rate at a step: a short rise, a plateau, and a straight line down to zero at the end."""
    return min(1.0, (step + 1) / course.warmup, 2 * (course.steps - step) / course.steps)
