"""What of LiteLLM's configuration keeps requests from the lane, in the words of x-slipway-lane."""

from collections.abc import Callable
from typing import Any


def test_settings_by_which_litellm_adds_to_a_stream_or_keeps_it_leave_it_to_litellm(in_gateway: Callable[..., Any]) -> None:
    assert in_gateway("lane_settings") == {
        "none": "",
        "no usage": "",
        "usage for all": "what LiteLLM adds to the end of streams",
        "cost": "what LiteLLM adds to the end of streams",
        "prompts": "spend logs with the text",
    }
