"""JSON with comments: what is changed, and that nothing else is."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.clients.jsonc import read, set_value

COMMENTED = """\
// mine
{
    "theme": "dark", // as it should be
    /* a block */
    "provider": {
        "other": {"a": [1, 2,]},
    },
}
"""


def test_a_value_is_replaced_where_it_stands() -> None:
    assert set_value(COMMENTED, ("theme",), "light") == COMMENTED.replace('"dark"', '"light"')


def test_a_new_member_goes_last_with_the_files_own_indentation() -> None:
    assert set_value(COMMENTED, ("provider", "slipway"), {"b": 1}) == COMMENTED.replace(
        '        "other": {"a": [1, 2,]},\n',
        '        "other": {"a": [1, 2,]},\n        "slipway": {\n            "b": 1\n        }\n',
    )


def test_a_comment_behind_the_last_member_stays_behind_it() -> None:
    assert set_value('{\n  "a": 1 // one\n}\n', ("b",), 2) == '{\n  "a": 1, // one\n  "b": 2\n}\n'


def test_objects_on_the_way_are_made() -> None:
    assert set_value("{}\n", ("env", "KEY"), "x") == '{\n  "env": {\n    "KEY": "x"\n  }\n}\n'


def test_an_entry_of_a_list_is_found_by_one_of_its_values() -> None:
    text = '[\n  {"name": "Mine"},\n  {"name": "Slipway", "old": 1}\n]\n'

    changed = set_value(text, (("name", "Slipway"),), {"name": "Slipway"})

    assert changed == '[\n  {"name": "Mine"},\n  {\n    "name": "Slipway"\n  }\n]\n'
    assert set_value("[]\n", (("name", "Slipway"),), {"name": "Slipway"}) == '[\n  {\n    "name": "Slipway"\n  }\n]\n'


def test_a_value_that_is_there_already_changes_no_character() -> None:
    assert set_value(COMMENTED, ("provider", "other"), {"a": [1, 2]}) == COMMENTED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n  "a": \n}', "line 3: expected a value"),
        ('{"a": 1 "b": 2}', "line 1: expected a comma"),
        ('{"a" 1}', "line 1: expected a colon"),
        ("{a: 1}", "line 1: expected a name in quotes"),
        ("{} x", "line 1: something follows the end"),
        ("{", "line 1: expected a name in quotes"),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        set_value(text, ("a",), 1)


def test_a_single_value_is_not_turned_into_an_object() -> None:
    with pytest.raises(ValueError, match="there is a single value where an object should be"):
        set_value('{"env": 1}', ("env", "KEY"), "x")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


# the same examples in every run, and no limit on the time of one, which another program on the machine may take
@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(), _VALUES, max_size=4), st.text(), _VALUES, st.sampled_from([None, 2, 4]))
def test_the_result_reads_as_the_old_file_with_the_new_value(old: dict[str, object], key: str, value: object, indent: int | None) -> None:
    assert read(set_value(json.dumps(old, indent=indent), (key,), value)) == {**old, key: value}
