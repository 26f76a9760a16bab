"""The `command:` text: words, lines, flags, and everything that would need a shell."""

from __future__ import annotations

import pytest

from slipway.command import Command, CommandError, Flag, duplicate_flags, parse_command


def flags(text: str) -> list[tuple[str, ...]]:
    return [flag.tokens for flag in parse_command(f"vllm serve a/b {text}").flags]


def test_a_command_over_many_lines_keeps_the_line_of_every_flag() -> None:
    text = (
        "vllm serve Qwen/Qwen3 \\\n"
        "  --enable-auto-tool-choice --tool-call-parser hermes \\\n"
        "  # a comment of its own line\n"
        "  --served-model-name a b  # a comment at the end \\\n"
        "  --hf-overrides '{\n"
        '     "a": 1}\' \\\n'
        "  -tp 2\n"
    )
    assert parse_command(text, 11) == Command(
        "Qwen/Qwen3",
        (
            Flag("--enable-auto-tool-choice", ("--enable-auto-tool-choice",), 12),
            Flag("--tool-call-parser", ("--tool-call-parser", "hermes"), 12),
            Flag("--served-model-name", ("--served-model-name", "a", "b"), 14),
            Flag("--hf-overrides", ("--hf-overrides", '{\n     "a": 1}'), 15),
            Flag("--tensor-parallel-size", ("-tp", "2"), 17),
        ),
        11,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--x 1 --y=2", [("--x", "1"), ("--y=2",)]),
        ("--x 'a b' --y \"c d\"", [("--x", "a b"), ("--y", "c d")]),
        ("--x=pre'a b'post", [("--x=prea bpost",)]),
        (r"--x a\ b", [("--x", "a b")]),
        (r'--x "a\"b" --y "a\nb"', [("--x", 'a"b'), ("--y", r"a\nb")]),
        (r"--x 'a\b'", [("--x", r"a\b")]),
        ("--x ''", [("--x", "")]),
        ("--x -1 --y -.5", [("--x", "-1"), ("--y", "-.5")]),
        ("--x a#b # comment --y", [("--x", "a#b")]),
        ("--x '#' --y", [("--x", "#"), ("--y",)]),
        ('--x \'{"a": "b|c;d&e>$F"}\'', [("--x", '{"a": "b|c;d&e>$F"}')]),
        ('--x "a|b" --y "\\$F"', [("--x", "a|b"), ("--y", "$F")]),
        ("--x cost$ --y 5$", [("--x", "cost$"), ("--y", "5$")]),
        ("--x 1 \\   \n  --y 2", [("--x", "1"), ("--y", "2")]),
        ("--x 1 \\\r\n  --y 2", [("--x", "1"), ("--y", "2")]),
        ("--x 1\n\n--y 2\n", [("--x", "1"), ("--y", "2")]),
        ("--x 1\\\n--y 2", [("--x", "1"), ("--y", "2")]),
        ("--no-enable-prefix-caching", [("--no-enable-prefix-caching",)]),
        (
            "--allowed-origins '[\"*\"]' --limit-mm-per-prompt.image 2",
            [("--allowed-origins", '["*"]'), ("--limit-mm-per-prompt.image", "2")],
        ),
    ],
)
def test_words_are_split_as_a_shell_would(text: str, expected: list[tuple[str, ...]]) -> None:
    assert flags(text) == expected


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("--x", "--x", ""),
        ("--x 1", "--x", "1"),
        ("--x=1=2", "--x", "1=2"),
        ("--x_y 1 2", "--x-y", "1 2"),
        ("-tp=2", "--tensor-parallel-size", "2"),
    ],
)
def test_a_flag_has_a_name_and_a_value(text: str, name: str, value: str) -> None:
    flag = parse_command(f"vllm serve a/b {text}").flags[0]
    assert (flag.name, flag.value) == (name, value)


def test_a_flag_is_found_by_its_long_name() -> None:
    command = parse_command("vllm serve a/b -tp 2 --x")
    assert command.flag("--tensor-parallel-size") == Flag("--tensor-parallel-size", ("-tp", "2"), 1)
    assert command.flag("--y") is None


SHELL = "needs a shell, and no shell runs this command (write one `vllm serve`, and quote values)"
EXPANDED = "is not expanded: no shell runs this command (write the value itself)"
NOT_ONE = "the command is not one `vllm serve MODEL`"
WRONG = {
    "empty": ("", f"1: {NOT_ONE} (it must start with `vllm serve`)"),
    "only a comment": ("# vllm serve a/b", f"1: {NOT_ONE} (it must start with `vllm serve`)"),
    "another program": ("python -m vllm serve a/b", f"1: {NOT_ONE} (it must start with `vllm serve`)"),
    "another verb": ("\n\nvllm bench a/b", f"3: {NOT_ONE} (it must start with `vllm serve`)"),
    "a variable in front": ("X=1 vllm serve a/b", f"1: {NOT_ONE} (variables belong in the env: section)"),
    "no model": ("vllm serve", "1: no model after `vllm serve` (write the model right after it: vllm serve ORG/NAME --flags)"),
    "a flag for a model": (
        "vllm serve --model a/b",
        "1: no model after `vllm serve` (write the model right after it: vllm serve ORG/NAME --flags)",
    ),
    "two models": ("vllm serve a/b\n c/d", "2: 'c/d' is a second model (one `vllm serve` takes one model)"),
    "two commands": (
        "vllm serve a/b\nvllm serve c/d",
        "2: a second `vllm` in the command (one model file serves one model with one command)",
    ),
    "and": ("vllm serve a/b &&\n vllm serve c/d", f"1: '&&' {SHELL}"),
    "semicolon": ("vllm serve a/b; ls", f"1: 'a/b;' {SHELL}"),
    "background": ("vllm serve a/b\n--x 1 &", f"2: '&' {SHELL}"),
    "pipe": ("vllm serve a/b | tee log", f"1: '|' {SHELL}"),
    "pipe without spaces": ("vllm serve a/b|tee log", f"1: 'a/b|tee' {SHELL}"),
    "redirection": ("vllm serve a/b >log 2>&1", f"1: '>log' {SHELL}"),
    "variable": ("vllm serve a/b \\\n --x $HOME", f"2: '$HOME' {EXPANDED}"),
    "variable in braces": ("vllm serve a/b --x ${HOME}/a", f"1: '${{HOME}}/a' {EXPANDED}"),
    "variable between double quotes": ('vllm serve a/b --x "$HOME"', f"1: '$HOME' {EXPANDED}"),
    "command substitution": ("vllm serve a/b --x $(ls)", f"1: '$(ls)' {EXPANDED}"),
    "backticks": ("vllm serve a/b --x `ls`", f"1: '`ls`' {EXPANDED}"),
    "home folder": ("vllm serve ~/models/x", f"1: '~/models/x' {EXPANDED}"),
    "unbalanced single quote": ("vllm serve a/b \\\n --x 'y \\\n --z 1", "2: an unbalanced quote in the command"),
    "unbalanced double quote": ('vllm serve a/b \\\n --x "a" \\\n --z "b', "3: an unbalanced quote in the command"),
    "unbalanced after an apostrophe": ("vllm serve a/b --x \"it's\"\n --y 'z", "2: an unbalanced quote in the command"),
    "a backslash at the end": ("vllm serve a/b \\\n --x \\", "2: a backslash with nothing after it in the command"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_not_one_plain_vllm_serve_is_refused_at_its_line(text: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(text)
    error = caught.value
    assert f"{error.line}: {error.message}" + (f" ({error.hint})" if error.hint else "") == message


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("--x 1 --y 2", []),
        ("--x 1 --x 2", [("--x", "--x")]),
        ("--max-model-len 1 --max_model_len=2", [("--max-model-len", "--max_model_len=2")]),
        ("-tp 2 --tensor-parallel-size 4", [("-tp", "--tensor-parallel-size")]),
        ("--enable-x --no-enable-x", [("--enable-x", "--no-enable-x")]),
        ("--x 1 --x 2 --x 3", [("--x", "--x"), ("--x", "--x")]),
        ("--middleware a --middleware b", []),
        ("--compilation-config.mode 1 --compilation-config.backend x", []),
    ],
)
def test_a_flag_given_twice_is_found_in_every_spelling(text: str, pairs: list[tuple[str, str]]) -> None:
    found = duplicate_flags(parse_command(f"vllm serve a/b {text}").flags)
    assert [(first.tokens[0], again.tokens[0]) for first, again in found] == pairs
