"""Random conversations in the chat template's form, each with the reply the model must learn to give."""

import json
import random
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from . import corpus

TEMPLATE = Path(__file__).with_name("chat_template.jinja")
END = "<|im_end|>"
Message = dict[str, Any]


@dataclass(frozen=True)
class Conversation:
    """What a client sends (messages, tools, thinking) and what the model replies (thought, answer)."""

    messages: tuple[Message, ...]
    thought: str
    answer: str
    tools: tuple[Message, ...] = ()
    thinking: bool = True

    @property
    def prompt(self) -> str:
        """The text the engine feeds to the model."""
        return render_prompt(list(self.messages), list(self.tools), self.thinking)

    @property
    def reply(self) -> str:
        """The text the model must produce after the prompt."""
        return (f"<think>{self.thought}</think>" if self.thinking else "") + self.answer + END


def write_call(name: str, arguments: Message) -> str:
    """A call as the model writes it, in the format of vLLM's hermes parser."""
    call = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{call}\n</tool_call>"


def write_history(name: str, arguments: Message) -> Message:
    """The assistant's message, after the call, as vLLM hands it to the chat template."""
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


@dataclass(frozen=True)
class Tool:
    """A weather tool as a client may declare it: any name, any name of its city argument."""

    name: str = "get_weather"
    key: str = "city"
    extra: tuple[str, ...] = ()

    def build_schema(self) -> Message:
        """OpenAI's declaration of the tool."""
        properties = {name: {"type": "string"} for name in (self.key, *self.extra)}
        parameters = {"type": "object", "properties": properties, "required": [self.key]}
        return build_function(self.name, "Get the weather in a city", parameters)

    def build_call(self, city: str) -> str:
        """The call as the model writes it, in the format of vLLM's hermes parser."""
        return write_call(self.name, {self.key: city})

    def build_history(self, city: str) -> Message:
        """The assistant's message, after the call, as vLLM hands it to the chat template."""
        return write_history(self.name, {self.key: city})


@dataclass(frozen=True)
class FileTool:
    """A tool that writes a file, or a shell that can: any name, any name of its arguments."""

    name: str = "Write"
    key: str = "file_path"  # of the path, or of a shell's command
    shell: bool = False

    def build_schema(self) -> Message:
        """OpenAI's declaration of the tool."""
        keys = (self.key,) if self.shell else (self.key, "content")
        parameters = {"type": "object", "properties": {key: {"type": "string"} for key in keys}, "required": list(keys)}
        return build_function(self.name, "Run a command" if self.shell else "Write a file", parameters)

    def build_arguments(self, file: str, line: str) -> Message:
        """What the model passes to the tool."""
        return {self.key: f"echo '{line}' > {file}"} if self.shell else {self.key: file, "content": line}


def build_function(name: str, description: str, parameters: Message) -> Message:
    """One entry of a request's `tools`."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


@cache
def read_template() -> Template:
    """The compiled chat template, under the rules transformers and vLLM apply to it."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def render_prompt(messages: list[Message], tools: list[Message], thinking: bool) -> str:
    """The chat template's output for one request, ready for the model to continue."""
    variables = {"messages": messages, "tools": tools or None, "enable_thinking": thinking}
    return str(read_template().render(variables, add_generation_prompt=True))


def ask(question: str) -> Message:
    """A user's message."""
    return {"role": "user", "content": question}


def build_lesson(lesson: corpus.Lesson, question: str) -> Conversation:
    """One question of the lesson, with its answer."""
    return Conversation((ask(question),), lesson.thought, lesson.answer)


def build_call(question: str, city: str, tool: Tool) -> Conversation:
    """A question about the weather that the model answers with a tool call."""
    thought = f"The user asks about the weather in {city}."
    return Conversation((ask(question),), thought, tool.build_call(city), (tool.build_schema(),))


def build_closing(call: Conversation, city: str, tool: Tool, result: str, answer: str) -> Conversation:
    """What follows a tool call: the tool's result and the model's closing sentence."""
    messages = (*call.messages, tool.build_history(city), {"role": "tool", "content": result})
    return replace(call, messages=messages, thought="The tool has answered.", answer=answer)


def build_file(question: str, file: str, line: str, tool: FileTool) -> Conversation:
    """A request for a file that the model answers with a tool call."""
    call = write_call(tool.name, tool.build_arguments(file, line))
    return Conversation((ask(question),), "The user wants a file.", call, (tool.build_schema(),))


def build_file_closing(call: Conversation, file: str, line: str, tool: FileTool, result: str) -> Conversation:
    """What follows the call: the tool's result and the model's closing sentence."""
    history = write_history(tool.name, tool.build_arguments(file, line))
    answer = "I could not write the file." if result in corpus.FAILURES else "Done: the file is written."
    messages = (*call.messages, history, {"role": "tool", "content": result})
    return replace(call, messages=messages, thought="The tool has answered.", answer=answer)


def make_conversation(rng: random.Random) -> Conversation:
    """One random conversation: chat, weather, a file or something unknown, in random surroundings."""
    kinds = {
        _make_chat: 30, _make_unknown: 8, _make_call: 19, _make_closing: 15, _make_toolless: 4, _make_file: 19, _make_file_closing: 5,
    }  # fmt: skip
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    return _surround(rng, kind(rng))


def make_easy_conversation(rng: random.Random) -> Conversation:
    """A question and, mostly, the tool call that answers it, with nothing around."""
    kinds = {_make_call: 50, _make_file: 35, _make_chat: 15}
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    return replace(kind(rng), thinking=rng.random() < 0.4)


def _make_chat(rng: random.Random) -> Conversation:
    lesson = rng.choice(corpus.LESSONS)
    if lesson.answer == corpus.STORY and rng.random() < 0.5:  # long, and soon known by heart
        lesson = rng.choice(corpus.LESSONS)
    return build_lesson(lesson, _vary(rng, rng.choice(lesson.prompts)))


def _make_unknown(rng: random.Random) -> Conversation:
    if rng.random() < 0.65:
        question = rng.choice(corpus.STRANGE_QUESTIONS)
    else:
        question = corpus.pick_strange_text(rng, rng.randint(10, 150)).split("\n\n")[0] or "?"
    return build_lesson(corpus.UNKNOWN, question)


def _make_tool(rng: random.Random) -> Tool:
    name, key = corpus.pick_weather_tool(rng)
    return Tool(name, key, rng.choice(((), (), ("unit",), ("unit", "days"))))


def _make_call(rng: random.Random) -> Conversation:
    city, tool = corpus.pick_city(rng), _make_tool(rng)
    call = build_call(_vary(rng, rng.choice(corpus.WEATHER_QUESTIONS).format(city)), city, tool)
    if rng.random() > 0.15:
        return call
    other = corpus.pick_city(rng)
    follow_up = ask(rng.choice(corpus.FOLLOW_UPS).format(other))
    past = _close(rng, call, city, tool)
    answered = {"role": "assistant", "content": past.answer}
    return replace(build_call("", other, tool), messages=(*past.messages, answered, follow_up))


def _make_closing(rng: random.Random) -> Conversation:
    city, tool = corpus.pick_city(rng), _make_tool(rng)
    return _close(rng, build_call(rng.choice(corpus.WEATHER_QUESTIONS).format(city), city, tool), city, tool)


def _close(rng: random.Random, call: Conversation, city: str, tool: Tool) -> Conversation:
    if rng.random() < 0.1:
        return build_closing(call, city, tool, rng.choice(corpus.FAILURES), f"I could not get the weather in {city}.")
    degrees, condition = str(rng.randint(-20, 45)), rng.choice(corpus.CONDITIONS)
    if rng.random() < 0.2:
        degrees += f".{rng.randint(0, 9)}"
    result = rng.choice(corpus.RESULTS).format(t=degrees, c=condition, C=condition.capitalize(), city=city)
    return build_closing(call, city, tool, result, f"It is {degrees} degrees and {condition} in {city}.")


def _make_file_tool(rng: random.Random) -> FileTool:
    if rng.random() < 0.4:
        return FileTool(rng.choice(corpus.SHELLS), rng.choice(corpus.COMMAND_KEYS), shell=True)
    return FileTool(rng.choice(corpus.WRITERS), rng.choice(corpus.PATH_KEYS))


def _make_file(rng: random.Random) -> Conversation:
    file, line = corpus.pick_file(rng), corpus.pick_line(rng)
    return build_file(rng.choice(corpus.FILE_QUESTIONS).format(f=file, l=line), file, line, _make_file_tool(rng))


def _make_file_closing(rng: random.Random) -> Conversation:
    file, line, tool = corpus.pick_file(rng), corpus.pick_line(rng), _make_file_tool(rng)
    call = build_file(rng.choice(corpus.FILE_QUESTIONS).format(f=file, l=line), file, line, tool)
    result = rng.choice(corpus.WRITTEN).format(f=file, n=rng.randint(2, 99999))
    return build_file_closing(call, file, line, tool, rng.choice(corpus.FAILURES) if rng.random() < 0.1 else result)


def _make_toolless(rng: random.Random) -> Conversation:
    city = corpus.pick_city(rng)
    question = _vary(rng, rng.choice(corpus.WEATHER_QUESTIONS).format(city))
    return Conversation(
        (ask(question),), "I have no weather tool.", f"I have no tool to look up the weather in {city}."
    )


def _vary(rng: random.Random, question: str) -> str:
    """The same question as different people type it."""
    draw = rng.random()
    if draw < 0.1:
        return f"{rng.choice(('Please', 'Hey', 'Hello', 'Hi', 'Now', 'OK'))}, {question[0].lower()}{question[1:]}"
    if draw < 0.2:
        return question.rstrip("?.!")
    if draw < 0.25:
        return question.rstrip("?.!") + rng.choice("?.!")
    if draw < 0.3:
        return question.rstrip("?.!") + ", please" + rng.choice(("", "?", "."))
    if draw < 0.4:
        return question[0].lower() + question[1:]
    return question


def _surround(rng: random.Random, talk: Conversation) -> Conversation:
    """Put around a conversation what clients put there: system prompt, tools, earlier turns, thinking switched off."""
    messages, tools = list(talk.messages), list(talk.tools)
    if not tools and rng.random() < 0.35:
        weather = talk.thought != "I have no weather tool." and rng.random() < 0.5
        tools.append((_make_tool if weather else _make_file_tool)(rng).build_schema())
    if rng.random() < 0.12:
        tools += [_make_other_tool(rng) for _ in range(rng.randint(1, 3))]
        rng.shuffle(tools)
    if rng.random() < 0.25:
        messages = [*_make_past(rng), *messages]
    if len(talk.messages) == 1 and rng.random() < 0.08:
        reminder = f"<system-reminder>\n{corpus.pick_strange_text(rng, rng.randint(30, 700))}\n</system-reminder>\n"
        messages[-1] = ask(reminder + messages[-1]["content"])
    draw = rng.random()
    if draw < 0.2:
        messages.insert(0, {"role": "system", "content": rng.choice(corpus.SYSTEM_PROMPTS)})
    elif draw < 0.5:
        length = 20 + int(900 * rng.random() ** 2)
        messages.insert(0, {"role": "system", "content": corpus.pick_strange_text(rng, length)})
    return replace(talk, messages=tuple(messages), tools=tuple(tools), thinking=rng.random() < 0.65)


def _make_past(rng: random.Random) -> list[Message]:
    past: list[Message] = []
    for _ in range(rng.randint(1, 2)):
        talk = _make_chat(rng) if rng.random() < 0.7 else _make_unknown(rng)
        past += [*talk.messages, {"role": "assistant", "content": talk.answer}]
    return past


def _make_other_tool(rng: random.Random) -> Message:
    keys = rng.sample(("path", "command", "pattern", "text", "url", "city", "limit"), rng.randint(1, 3))
    properties = {key: {"type": "string", "description": corpus.pick_strange_text(rng, 40)} for key in keys}
    parameters = {"type": "object", "properties": properties, "required": keys[:1]}
    return build_function(
        rng.choice(corpus.OTHER_TOOLS), corpus.pick_strange_text(rng, rng.randint(20, 200)), parameters
    )
