"""What LiteLLM writes down of a request, made from what it has written down of another one."""

from collections.abc import Callable
from typing import Any


def test_a_row_and_its_sum_are_to_the_letter_what_litellm_makes_of_any_usage(in_gateway: Callable[..., Any]) -> None:
    found = in_gateway("lane_record")
    assert len(found) == 6
    assert found == {usage: [[], []] for usage in found}
