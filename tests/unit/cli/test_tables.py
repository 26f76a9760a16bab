"""Tables and numbers as people read them."""

from __future__ import annotations

import pytest

from slipway.cli.tables import format_bytes, format_duration, format_table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    text = format_table(("name", "count"), [("a", "1"), ("longer", "1,000")], right=[1])
    assert text == "name    count\na           1\nlonger  1,000"


def test_no_line_ends_in_spaces_and_no_rows_are_a_head() -> None:
    assert format_table(("a", "b"), [("long", "")]) == "a     b\nlong"
    assert format_table(("a", "b"), []) == "a  b"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 30, "3.0 GiB"),
        (2048 << 30, "2.0 TiB"),
    ],
)
def test_bytes_are_shown_in_binary_units(count: int, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (60, "1m 0s"), (3600, "1h 0m"), (3661, "1h 1m"), (93784, "1d 2h"), (864000, "10d 0h")],
)
def test_a_duration_is_its_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
