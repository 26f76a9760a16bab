"""Spans of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from slipway.errors import UsageError
from slipway.observe.usage import parse_since


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        (" 7d ", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        ("999999w", timedelta(weeks=999999)),
    ],
)
def test_a_span_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert parse_since(text) == span


@pytest.mark.parametrize("text", ["", "7", "d", "7y", "-7d", "1.5h", "7 d", "7d12h", "9999999d"])
def test_what_is_no_span_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_since(text)
    assert (caught.value.message, caught.value.hint) == (f"{text!r} is not a span of time", "write 30m, 12h, 7d or 2w")
