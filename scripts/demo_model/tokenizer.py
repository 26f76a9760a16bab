"""The demo model's tokenizer: byte-level BPE, so that any text can be written, with Qwen's special tokens."""

import random
from collections.abc import Iterator

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from . import corpus
from .conversations import TEMPLATE, make_conversation

VOCABULARY = 3072
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")  # hidden from clients by skip_special_tokens
MARKUP = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")

# A capitalised word never takes the blank before it along: a name keeps its tokens after a blank and after a quote,
# which makes copying one from a question into JSON a matter of repeating tokens. Nor does the name of a file.
PIECES = Regex(r" (?=\p{Ll}+\.\p{Ll})| ?\p{Ll}+|\p{Lu}\p{L}*|\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\n+|\s+(?!\S)|\s")


def train_tokenizer(seed: int, max_length: int) -> PreTrainedTokenizerFast:
    """Learn the vocabulary from sample conversations and from technical English, as in long system prompts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(PIECES, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(MARKUP),
        special_tokens=list(CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample_texts(random.Random(seed)), trainer)
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in MARKUP])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        chat_template=TEMPLATE.read_text(encoding="utf-8"),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )


def _sample_texts(rng: random.Random) -> Iterator[str]:
    yield from corpus.strange_texts()
    for _ in range(2000):
        talk = make_conversation(rng)
        yield str(talk.messages[-1]["content"]) + "\n" + talk.reply
    for lesson in corpus.LESSONS:
        yield from [lesson.answer] * 20
    yield from corpus.CITIES * 20
