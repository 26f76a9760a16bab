"""TOML: what is changed, and that nothing else is."""

from __future__ import annotations

import tomllib

import pytest

from slipway.clients.toml_text import set_value

MINE = """\
# mine
model = "old"  # for now
approval_policy = "never"

[tools]
web_search = true

[model_providers.slipway] # the one
base_url = 'http://old#1'
"""


@pytest.mark.parametrize(
    ("place", "value", "changed"),
    [
        (("model",), "new", MINE.replace('"old"', '"new"')),
        (("window",), 5, MINE.replace('"never"\n', '"never"\nwindow = 5\n')),
        (("tools", "web_search"), 1, MINE.replace("true", "1")),
        (("model_providers", "slipway", "base_url"), "x", MINE.replace("'http://old#1'", '"x"')),
        (("model_providers", "slipway", "name"), "é😀", MINE + 'name = "é😀"\n'),
        (("features", "a"), 1, MINE + "\n[features]\na = 1\n"),
    ],
)
def test_one_value_is_set_and_every_other_line_stays(place: tuple[str, ...], value: object, changed: str) -> None:
    assert set_value(MINE, place, value) == changed
    tomllib.loads(changed)


def test_an_empty_file_gets_its_keys_before_its_tables() -> None:
    text = ""
    for place, value in ((("a", "b"), 1), (("c",), 2), (("a", "d"), "x")):
        text = set_value(text, place, value)

    assert text == 'c = 2\n\n[a]\nb = 1\nd = "x"\n'


def test_the_same_value_again_changes_nothing() -> None:
    text = set_value(MINE, ("model_providers", "slipway", "key"), "sk-'#\"")

    assert set_value(text, ("model_providers", "slipway", "key"), "sk-'#\"") == text
