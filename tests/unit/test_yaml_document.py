"""YAML with lines: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.errors import Problem
from slipway.yaml_document import read_document, read_text


def test_values_are_plain_and_every_one_has_its_line() -> None:
    text = (
        "command: |\n  vllm serve a/b\n\nenv:\n  A: 'x'   # why\n  B: y\naliases:\n  - one\n  - two\nlitellm: {top_k: 1,\n  top_p: 0.5}\n"
    )
    document = read_document("m.yml", text)
    assert document.values == {
        "command": "vllm serve a/b\n",
        "env": {"A": "x", "B": "y"},
        "aliases": ["one", "two"],
        "litellm": {"top_k": 1, "top_p": 0.5},
    }
    assert document.lines == {
        ("command",): 1,
        ("env",): 4,
        ("env", "A"): 5,
        ("env", "B"): 6,
        ("aliases",): 7,
        ("aliases", 0): 8,
        ("aliases", 1): 9,
        ("litellm",): 10,
        ("litellm", "top_k"): 10,
        ("litellm", "top_p"): 11,
    }
    assert document.problems == []


def test_the_line_of_an_unknown_path_is_its_parent_s() -> None:
    document = read_document("m.yml", "# first\nenv:\n  A: x\n")
    assert (document.line("env", "A"), document.line("env", "B", 3), document.line("nothing")) == (3, 2, 1)


@pytest.mark.parametrize(
    "text", ["a: x\r\nb: y\r\n", "\ufeffa: x\nb: y\n", "---\na: x\nb: y\n...\n", "{a: x, b: y}", "a: &anchor x\nb: y\n"]
)
def test_other_ways_to_write_the_same_mapping_are_read_too(text: str) -> None:
    document = read_document("m.yml", text)
    assert (document.values, document.problems) == ({"a": "x", "b": "y"}, [])


WRONG = {
    "empty file": ("", "m.yml:1: the file is empty (a model file needs at least `command:`)"),
    "only comments": ("# a\n# b\n", "m.yml:1: the file is empty (a model file needs at least `command:`)"),
    "a list": ("- a\n", "m.yml:1: the file must be a mapping of sections such as `command:`"),
    "plain text": ("hello\n", "m.yml:1: the file must be a mapping of sections such as `command:`"),
    "tab indentation": ("a: 1\nenv:\n\tA: b\n", "m.yml:3: YAML forbids tabs in indentation (use spaces)"),
    "tab after spaces": ("env:\n  \tA: b\n  \tB: c\n", "m.yml:2: YAML forbids tabs in indentation (use spaces)"),
    "tab in a block scalar": ("a: |\n\tx\n", "m.yml:2: YAML forbids tabs in indentation (use spaces)"),
    "duplicate key": ("a: 1\nb: 2\na: 3\n", "m.yml:3: duplicate key 'a': line 1 has it already"),
    "nested duplicate": ("env:\n  A: x\n  B: y\n  A: z\n", "m.yml:4: duplicate key 'A': line 2 has it already"),
    "duplicate in flow style": ("env: {A: x, A: y}\n", "m.yml:1: duplicate key 'A': line 1 has it already"),
    "duplicate in quotes": ("a: 1\n'a': 2\n", "m.yml:2: duplicate key 'a': line 1 has it already"),
    "unclosed quote": (
        "a: 1\nb: 'x\nc: 2\n",
        "m.yml:2: not valid YAML: while scanning a quoted scalar, found unexpected end of stream",
    ),
    "unclosed brace": (
        "a: {b: 1\nc: 2\n",
        "m.yml:2: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'",
    ),
    "wrong indentation": ("a: 1\n  b: 2\n", "m.yml:2: not valid YAML: mapping values are not allowed in this context"),
    "block text without indentation": (
        "command: |\nvllm serve a/b\n",
        "m.yml:2: not valid YAML: while scanning a simple key, could not find expected ':'",
    ),
    "two colons": ("a: b: c\n", "m.yml:1: not valid YAML: mapping values are not allowed in this context"),
    "two documents": (
        "a: 1\n---\nb: 2\n",
        "m.yml:2: not valid YAML: expected a single document in the stream, but found another document",
    ),
    "NUL byte": ("a: 1\nb: x\0y\n", "m.yml:2: not valid YAML: control characters are not allowed"),
    "control character": ("a: x\x07\n", "m.yml:1: not valid YAML: control characters are not allowed"),
    "impossible date": ("a: 1\nb: 2026-13-45\n", "m.yml:2: not valid YAML: month must be in 1..12"),
    "unknown tag": ("a: !secret x\n", "m.yml:1: not valid YAML: could not determine a constructor for the tag '!secret'"),
    "python object": (
        "a: !!python/name:os.system x\n",
        "m.yml:1: not valid YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:python/name:os.system'",
    ),
    "number as a key": ("env:\n  1: x\n", "m.yml:2: a key must be text, not 1 (put it in quotes)"),
    "yes as a key": ("env:\n  yes: x\n", "m.yml:2: a key must be text, not yes (put it in quotes)"),
    "list as a key": ("env:\n  ? [a]\n  : x\n", "m.yml:2: a key must be text, not a list or mapping (put it in quotes)"),
    "alias": ("a: &x [1]\nb: *x\n", "m.yml:2: YAML aliases such as *x are not supported (write the value out)"),
    "merge key": ("a: &x {b: 1}\nc:\n  <<: *x\n", "m.yml:3: YAML aliases such as *x are not supported (write the value out)"),
    "a mapping that holds itself": (
        "a: &x\n  b: *x\n",
        "m.yml:2: YAML aliases such as *x are not supported (write the value out)",
    ),
    "undefined alias": ("a: *x\n", "m.yml:1: YAML aliases such as *x are not supported (write the value out)"),
    "merge key without alias": ("a:\n  <<: {b: 1}\n", "m.yml:2: a key must be text, not << (put it in quotes)"),
    "nested beyond reason": ("a: " + "[" * 50 + "]" * 50, "m.yml:1: nested too deeply (sections hold plain values and lists)"),
    "nested to crash a parser": ("a: " + "[" * 200_000, "m.yml:1: nested too deeply (sections hold plain values and lists)"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_in_the_syntax_is_one_message_at_its_line(text: str, message: str) -> None:
    assert [str(problem) for problem in read_document("m.yml", text).problems] == [message]


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "m.yml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    assert read_text(path, "models/m.yml") == ("", Problem("models/m.yml", 2, "the file is not UTF-8 text"))


def test_a_folder_in_place_of_a_file_is_a_problem(tmp_path: Path) -> None:
    assert read_text(tmp_path, "models/m.yml") == ("", Problem("models/m.yml", 0, "cannot be read: Is a directory"))


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "vars.env"
    path.write_bytes(b"\xef\xbb\xbfMODEL=demo\n")
    assert read_text(path, "vars.env") == ("MODEL=demo\n", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"a\\x1b[2J": 1\n', r"x.yml:1: a key holds a control character: 'a\x1b[2J'"),
        ('a: 1\n"b\\nc": 1\n', r"x.yml:2: a key holds a control character: 'b\nc'"),
        ('a:\n- "\\e[31m"\n', "x.yml:2: the value holds a control character (write it without)"),
        ("a: 1\nb: {", "x.yml:2: not valid YAML: while parsing a flow node, did not find expected node content"),
        ("a: 1\nb: {\n", "x.yml:2: not valid YAML: while parsing a flow node, did not find expected node content"),
        ("a: !!bool maybe\n", "x.yml:1: not valid YAML: 'maybe' is no bool"),
        ("a: !!timestamp never\n", "x.yml:1: not valid YAML: 'never' is no timestamp"),
    ],
)
def test_control_characters_unfitting_tags_and_a_missing_end_are_problems_at_their_line(text: str, message: str) -> None:
    assert [str(problem) for problem in read_document("x.yml", text).problems] == [message]
