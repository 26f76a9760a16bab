"""Parses a model file's `command:` text, once, into a model and flags; it never goes through a shell."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

# Short spellings of vLLM's flags, so that `-tp 2 --tensor-parallel-size 4` is seen as the same flag twice.
SHORT_FLAGS = {
    "-tp": "--tensor-parallel-size",
    "-pp": "--pipeline-parallel-size",
    "-dp": "--data-parallel-size",
    "-q": "--quantization",
    "-cc": "--compilation-config",
}

# vLLM collects these when they are given several times.
REPEATABLE = frozenset({"--middleware"})

_SHELL_TOKENS = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "2>&1"})
_NUMBER = re.compile(r"-\.?\d")


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

    @property
    def value(self) -> str:
        """The value as text; empty for a switch."""
        _, equals, inline = self.tokens[0].partition("=")
        return inline if equals else " ".join(self.tokens[1:])


@dataclass(frozen=True)
class Command:
    """`vllm serve MODEL FLAGS…`"""

    model: str
    flags: tuple[Flag, ...]
    line: int = 1

    def flag(self, name: str) -> Flag | None:
        return next((flag for flag in self.flags if flag.name == name), None)


@dataclass(frozen=True)
class _Token:
    text: str
    line: int


def parse_command(text: str, first_line: int = 1) -> Command:
    """Parse `text`, whose first line is line `first_line` of its file. Raises CommandError."""
    tokens = _tokens(text, first_line)
    words = [token.text for token in tokens]
    if words[:2] != ["vllm", "serve"]:
        raise CommandError(first_line, "the command is not one `vllm serve MODEL`", _start_hint(words))
    _refuse_shell(tokens)
    if len(tokens) < 3 or tokens[2].text.startswith("-"):
        raise CommandError(first_line, "no model after `vllm serve`", "write the model right after it: vllm serve ORG/NAME --flags")
    return Command(tokens[2].text, _flags(tokens[3:]), tokens[0].line)


def _start_hint(words: list[str]) -> str:
    if words and "=" in words[0]:
        return "variables belong in the env: section"
    return "it must start with `vllm serve`"


def _tokens(text: str, first_line: int) -> list[_Token]:
    # "\<newline>" becomes " <newline>": the newline is white space all the same and the line count stays true
    lexer = shlex.shlex(re.sub(r"\\[ \t]*\n", " \n", text), posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    tokens: list[_Token] = []
    while True:
        start = lexer.lineno
        try:
            word = lexer.get_token()
        except ValueError as error:
            reason = "an unbalanced quote" if "quotation" in str(error) else "a backslash with nothing after it"
            raise CommandError(first_line + _quote_line(text, start), f"{reason} in the command") from None
        if word is None:
            return tokens
        # the lexer has already consumed a newline that ended the word, or those inside its quotes
        ended = lexer.lineno - (1 if _ended_by_newline(lexer) else 0)
        tokens.append(_Token(word, first_line + ended - word.count("\n") - 1))


def _ended_by_newline(lexer: shlex.shlex) -> bool:
    position = lexer.instream.tell()
    if position == 0:
        return False
    lexer.instream.seek(position - 1)
    return lexer.instream.read(1) == "\n"


def _quote_line(text: str, searched_from: int) -> int:
    """Offset of the first line at or after `searched_from` with an odd number of one kind of quote."""
    lines = text.splitlines()
    for number in range(max(searched_from - 1, 0), len(lines)):
        if lines[number].count("'") % 2 or lines[number].count('"') % 2:
            return number
    return max(searched_from - 1, 0)


def _refuse_shell(tokens: list[_Token]) -> None:
    for index, token in enumerate(tokens):
        if token.text in _SHELL_TOKENS or token.text.endswith(";"):
            raise CommandError(token.line, f"{token.text!r} needs a shell, and no shell runs this command", "write one `vllm serve`")
        if "$(" in token.text or re.search(r"\$\{?[A-Za-z_]", token.text) or "`" in token.text:
            raise CommandError(token.line, f"{token.text!r} is not expanded: no shell runs this command", "write the value itself")
        if index and token.text == "vllm":
            raise CommandError(token.line, "a second `vllm` in the command", "one model file serves one model with one command")


def _flags(tokens: list[_Token]) -> tuple[Flag, ...]:
    flags: list[Flag] = []
    for token in tokens:
        if token.text.startswith("-") and not _NUMBER.match(token.text):
            flags.append(Flag(canonical_name(token.text), (token.text,), token.line))
        elif not flags:
            raise CommandError(token.line, f"{token.text!r} is a second model", "one `vllm serve` takes one model")
        else:
            last = flags[-1]
            flags[-1] = Flag(last.name, (*last.tokens, token.text), last.line)
    return tuple(flags)


def canonical_name(token: str) -> str:
    """The long name of a flag: `--max_model_len=8` and `--max-model-len` are the same, `-tp` is a short form."""
    name = token.partition("=")[0]
    if name.startswith("--"):
        head, dot, tail = name[2:].partition(".")
        return "--" + head.replace("_", "-") + dot + tail
    return SHORT_FLAGS.get(name, name)


def duplicate_flags(command: Command) -> list[tuple[Flag, Flag]]:
    """Pairs (first, again) of a flag that is given twice; `--no-x` counts as `--x`."""
    seen: dict[str, Flag] = {}
    pairs: list[tuple[Flag, Flag]] = []
    for flag in command.flags:
        key = "--" + flag.name[5:] if flag.name.startswith("--no-") else flag.name
        if key in seen and key not in REPEATABLE:
            pairs.append((seen[key], flag))
        seen.setdefault(key, flag)
    return pairs
