"""YAML: a top-level key or an entry of a top-level list changes, and not one other character."""

from __future__ import annotations

import pytest

from slipway.clients.yaml_text import set_value

ENTRY = {"name": "Slipway", "model": "vllm_agent"}
LIST = """\
# mine
name: Home
models:
  - name: Other   # keep
    model: gpt
    roles:
      - chat
# after
rules: []
"""


def test_a_key_is_replaced_where_it_stands() -> None:
    assert set_value("a: 1 # one\nmodel: old # two\n", ("model",), "new: x") == "a: 1 # one\nmodel: 'new: x' # two\n"


def test_a_missing_key_is_added_at_the_end() -> None:
    assert set_value("a: 1", ("model",), "m") == "a: 1\nmodel: m\n"
    assert set_value("", ("model",), "m") == "model: m\n"


def test_an_entry_is_added_after_the_last_one() -> None:
    changed = set_value(LIST, ("models", ("name", "Slipway")), ENTRY)

    assert changed == LIST.replace("      - chat\n", "      - chat\n  - name: Slipway\n    model: vllm_agent\n")


def test_an_entry_that_is_there_is_replaced_and_a_second_time_changes_nothing() -> None:
    once = set_value(LIST, ("models", ("name", "Slipway")), {**ENTRY, "model": "old"})
    again = set_value(once, ("models", ("name", "Slipway")), ENTRY)

    assert again == once.replace("model: old", "model: vllm_agent")
    assert set_value(again, ("models", ("name", "Slipway")), ENTRY) == again


@pytest.mark.parametrize("text", ["", "models:\n", "models: null\n"])
def test_a_list_that_is_missing_or_empty_is_made(text: str) -> None:
    assert set_value(text, ("models", ("name", "Slipway")), ENTRY) == "models:\n- name: Slipway\n  model: vllm_agent\n"


@pytest.mark.parametrize("text", ["- a\n", "models: [{name: x}]\n", "models: text\n", "a: [\n"])
def test_what_cannot_be_changed_line_by_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        set_value(text, ("models", ("name", "Slipway")), ENTRY)
