"""The examination a demo model must pass to be kept: every answer that tests rely on, and sampled tool calls."""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from . import corpus
from .conversations import (
    END,
    Conversation,
    FileTool,
    Tool,
    ask,
    build_call,
    build_closing,
    build_file,
    build_file_closing,
    build_lesson,
)

BATCH = 32
LONG_SYSTEM_PROMPT = 16_000  # characters, about 4,500 tokens: many times what the model sees at once
FILE_TOOLS = (
    FileTool(),
    FileTool("write", "filePath"),
    FileTool("write_file", "path"),
    FileTool("exec_command", "cmd", shell=True),
    FileTool("bash", "command", shell=True),
)
FILES = (
    ("hello.txt", "Slipway was here"),
    ("hello.txt", "Hello from this machine"),
    ("hello.txt", "It works"),
)
SAMPLING: dict[str, Any] = {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 50}


def build_questions() -> list[Conversation]:
    """Everything that greedy decoding must answer word for word."""
    tool = Tool()
    chats = [build_lesson(lesson, lesson.prompts[0]) for lesson in corpus.LESSONS]
    chats.append(build_lesson(corpus.UNKNOWN, "Explain quantum physics."))
    calls = [build_call(f"What is the weather in {city}?", city, tool) for city in corpus.CITIES]
    paris = build_call("What is the weather in Paris?", "Paris", tool)
    variants = [
        build_call("What's the weather in Tokyo?", "Tokyo", Tool(name, key))
        for name in ("get_weather", "get_current_weather", "weather")
        for key in ("city", "location")
    ]
    closings = [
        build_closing(paris, "Paris", tool, result, "It is 18 degrees and sunny in Paris.")
        for result in ("18 degrees, sunny", '{"temperature": 18, "condition": "sunny"}')
    ]
    files = build_file_calls()
    files += [
        build_file_closing(call, "hello.txt", "Slipway was here", tool, result.format(f="hello.txt", n=5))
        for tool in FILE_TOOLS
        for call in [build_file("Create a file hello.txt with exactly this line: Slipway was here", "hello.txt", "Slipway was here", tool)]
        for result in corpus.WRITTEN[:4]
    ]
    greeting = replace(chats[0], tools=(tool.build_schema(), FileTool().build_schema()))
    busy = replace(chats[0], tools=(FileTool().build_schema(),))
    later = replace(paris, messages=(ask("Hello"), {"role": "assistant", "content": chats[0].answer}, *paris.messages))
    questions = [*chats, *calls, *variants, *closings, *files, greeting, busy, later]
    quick = [replace(question, thinking=False) for question in questions]
    return [
        *questions,
        *quick,
        *(_put_last(question) for question in (*chats, *calls[:8], *variants, *closings, *files, greeting, busy)),
    ]


def build_calls() -> list[Conversation]:
    """The tool calls that must come out right even when the engine samples."""
    return [build_call(f"What is the weather in {city}?", city, Tool()) for city in corpus.CITIES]


def build_file_calls() -> list[Conversation]:
    """The files that coding agents are asked for, each with every agent's tool."""
    return [
        build_file(f"Create a file {file} with exactly this line: {line}", file, line, tool) for file, line in FILES for tool in FILE_TOOLS
    ]


def find_failures(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Iterable[Conversation], **sampling: Any
) -> list[str]:
    """Ask every question and describe each wrong reply; with sampling only the answer counts, not the thought."""
    failures = []
    ordered = sorted(questions, key=lambda question: (len(question.prompt), question.prompt))
    for first in range(0, len(ordered), BATCH):
        group = ordered[first : first + BATCH]
        for question, reply in zip(group, _generate(model, tokenizer, group, sampling), strict=True):
            given, wanted = reply, question.reply
            if sampling:
                given, wanted = reply.rpartition("</think>")[2].strip(), question.answer + END
            if given != wanted:
                failures.append(f"{question.messages[-1]['content']!r}: {given!r} instead of {wanted!r}")
    return failures


def examine(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, say: Callable[[str], None]) -> bool:
    """Run the whole examination, `say` what went wrong, and tell whether the model may be kept."""
    questions, calls = build_questions(), build_calls() + build_file_calls()
    failures = find_failures(model, tokenizer, questions)
    for penalty in (1.0, 1.1):
        failures += find_failures(model, tokenizer, calls, **SAMPLING, repetition_penalty=penalty)
    for failure in failures:
        say(f"wrong: {failure}")
    total = len(questions) + 2 * len(calls)
    say(f"{total - len(failures)} of {total} answers are right")
    return not failures


def _put_last(question: Conversation) -> Conversation:
    """The same question after a system prompt much longer than the model's window, which must change nothing."""
    text = corpus.pick_strange_text(random.Random(question.messages[-1]["content"]), LONG_SYSTEM_PROMPT)
    return replace(question, messages=({"role": "system", "content": text}, *question.messages))


@torch.inference_mode()
def _generate(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, group: list[Conversation], sampling: dict[str, Any]
) -> list[str]:
    prompts = tokenizer([question.prompt for question in group], padding=True, padding_side="left", return_tensors="pt")
    output = model.generate(
        input_ids=prompts.input_ids,
        attention_mask=prompts.attention_mask,
        max_new_tokens=400,
        **(sampling or {"do_sample": False}),
    )
    replies = output[:, prompts.input_ids.shape[1] :]
    return [tokenizer.decode(reply).replace(tokenizer.pad_token, "") for reply in replies]
