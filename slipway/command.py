"""Parses a model file's `command:` text, once, into a model and flags; it never goes through a shell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slipway.flags import base_name, canonical_name, inline_value

# vLLM collects these when they are given several times.
REPEATABLE = frozenset({"--middleware"})

_NUMBER = re.compile(r"-\.?\d")

# The parts of shell-like text. A newline is white space, with a backslash in front of it or without.
_PART = re.compile(
    r"""
    (?P<space> \s+ | \\[ \t\r]*\n )
    | ' (?P<single> [^']* ) '
    | " (?P<double> (?: [^"\\] | \\. )* ) "
    | \\ (?P<escaped> . )
    | (?P<bare> [^\s'"\\]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_SHELL_CHARACTERS = re.compile(r"[|&;<>()`]")
_EXPANDED = re.compile(r"`|\$[A-Za-z_({]")


class CommandError(ValueError):
    """The command text is wrong at `line`, counted from 1 within the file."""

    def __init__(self, line: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.line, self.message, self.hint = line, message, hint


@dataclass(frozen=True)
class Flag:
    """One flag as written: `name` is the long spelling, `tokens` what goes on the command line."""

    name: str
    tokens: tuple[str, ...]
    line: int = 0
    replaced: tuple[Flag, ...] = ()  # the flags of the same file whose place it took, the last one first

    @property
    def value(self) -> str:
        """The value as text; empty for a switch."""
        inline = inline_value(self.tokens[0])
        return " ".join(self.tokens[1:]) if inline is None else inline


@dataclass(frozen=True)
class Command:
    """`vllm serve MODEL FLAGS…`; `line` is the model's, `replaced` the models whose place it took, the last one first."""

    model: str
    flags: tuple[Flag, ...]
    line: int = 1
    replaced: tuple[tuple[str, int], ...] = ()

    def flag(self, name: str) -> Flag | None:
        return next((flag for flag in self.flags if flag.name == name), None)


@dataclass(frozen=True)
class _Word:
    """One word of the text. `bare` is what stood outside quotes, `open` what a shell would look into for variables."""

    text: str
    line: int
    bare: str
    open: str


def parse_command(text: str, first_line: int = 1) -> Command:
    """Parse `text`, whose first line is line `first_line` of its file. Raises CommandError."""
    words = list(_words(text, first_line))
    start = words[0].line if words else first_line
    if [word.text for word in words[:2]] != ["vllm", "serve"]:
        raise CommandError(start, "the command is not one `vllm serve MODEL`", _start_hint(words))
    _refuse_shell(words)
    if len(words) < 3 or words[2].text.startswith("-"):
        raise CommandError(start, "no model after `vllm serve`", "write the model right after it: vllm serve ORG/NAME --flags")
    return Command(words[2].text, _flags(words[3:]), start)


def parse_flags(text: str, first_line: int = 1) -> tuple[Flag, ...]:
    """Parse flags that stand without a command, by the same rules. Raises CommandError."""
    words = list(_words(text, first_line))
    _refuse_shell(words)
    if words and not words[0].text.startswith("-"):
        raise CommandError(words[0].line, f"{words[0].text!r} is no flag", "flags start with --")
    return _flags(words)


def _start_hint(words: list[_Word]) -> str:
    if words and "=" in words[0].text:
        return "variables belong in the env: section"
    return "it must start with `vllm serve`"


def _words(text: str, first_line: int) -> Iterator[_Word]:
    """Split `text` as a shell would; `#` begins a comment only where a word could begin."""
    position, line = 0, first_line
    parts: list[re.Match[str]] = []
    while position < len(text):
        if not parts and text[position] == "#":
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
            continue
        part = _PART.match(text, position)
        if part is None:
            what = "a backslash with nothing after it" if text[position] == "\\" else "an unbalanced quote"
            raise CommandError(first_line + text.count("\n", 0, position), f"{what} in the command")
        if part.lastgroup != "space":
            line = line if parts else first_line + text.count("\n", 0, position)
            parts.append(part)
        elif parts:
            yield _word(parts, line)
            parts = []
        position = part.end()
    if parts:
        yield _word(parts, line)


def _word(parts: list[re.Match[str]], line: int) -> _Word:
    text = bare = visible = ""
    for part in parts:
        value = part[part.lastgroup or 0]
        if part.lastgroup == "double":
            # all that a backslash can escape between double quotes
            text += re.sub(r'\\(["\\$`])', r"\1", value)
            visible += re.sub(r"\\.", "", value)
            continue
        text += value
        if part.lastgroup == "bare":
            bare += value
            visible += value
    return _Word(text, line, bare, visible)


def _refuse_shell(words: list[_Word]) -> None:
    for index, word in enumerate(words):
        if _EXPANDED.search(word.open) or word.bare.startswith("~"):
            raise CommandError(word.line, f"{word.text!r} is not expanded: no shell runs this command", "write the value itself")
        if _SHELL_CHARACTERS.search(word.bare):
            raise CommandError(
                word.line, f"{word.text!r} needs a shell, and no shell runs this command", "write one `vllm serve`, and quote values"
            )
        if index and [following.text for following in words[index : index + 2]] == ["vllm", "serve"]:
            raise CommandError(word.line, "a second `vllm` in the command", "one model file serves one model with one command")


def _flags(words: list[_Word]) -> tuple[Flag, ...]:
    flags: list[Flag] = []
    for word in words:
        if word.text.startswith("-") and not _NUMBER.match(word.text):
            flags.append(Flag(canonical_name(word.text), (word.text,), word.line))
        elif not flags:
            raise CommandError(word.line, f"{word.text!r} is a second model", "one `vllm serve` takes one model")
        else:
            last = flags[-1]
            flags[-1] = Flag(last.name, (*last.tokens, word.text), last.line)
    return tuple(flags)


def duplicate_flags(flags: Iterable[Flag]) -> list[tuple[Flag, Flag]]:
    """Pairs (first, again) of a flag that is given twice; `--no-x` counts as `--x`."""
    seen: dict[str, Flag] = {}
    pairs: list[tuple[Flag, Flag]] = []
    for flag in flags:
        key = base_name(flag.name)
        if key in seen and key not in REPEATABLE:
            pairs.append((seen[key], flag))
        seen.setdefault(key, flag)
    return pairs
