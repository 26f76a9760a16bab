"""What of a request's body keeps it from the lane, in the words of x-slipway-lane."""

from typing import Any

import pytest

from slipway.gateway.lane_chat import Chat, Completions
from slipway.gateway.lane_embeddings import Embeddings
from slipway.gateway.lane_messages import Messages
from slipway.gateway.lane_protocol import Protocol
from slipway.gateway.lane_responses import Responses

HELLO: Any = [{"role": "user", "content": "Hello"}]
TOOL: Any = {"name": "get_weather", "input_schema": {"type": "object"}}


def blocks(*found: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(found)}]}


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        (Chat(), {"messages": HELLO, "stream": True, "stream_options": {"include_usage": True}}),
        (Completions(), {"prompt": [[1, 2], [3]], "stream": True}),
        (Messages(), {"messages": HELLO, "system": [{"type": "text", "text": "Be kind."}], "tools": [TOOL]}),
        (Messages(), blocks({"type": "tool_result", "content": [{"type": "text", "text": "18 degrees"}]})),
        (Messages(), {"messages": HELLO, "thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"}}),
        (Responses(), {"input": "Hello", "tools": [{"type": "function"}, {"type": "namespace"}, {"type": "web_search"}]}),
        (Embeddings(), {"input": ["Hello", "there"]}),
    ],
)
def test_a_request_that_the_engine_can_be_told_whole_fits(protocol: Protocol, body: dict[str, Any]) -> None:
    assert protocol.why_not({"model": "demo", **body}) == ""


@pytest.mark.parametrize(
    ("protocol", "body", "reason"),
    [
        (Chat(), {"messages": [{"content": "Hello"}]}, "messages of a wrong shape"),
        (Chat(), {"messages": HELLO, "stream": 1.5}, "stream of a wrong type"),
        (Completions(), {"prompt": [{"text": "Hello"}]}, "prompt of a wrong shape"),
        (Messages(), {"messages": HELLO, "min_p": 0.1}, "parameter min_p"),
        (Messages(), {"messages": [{"role": "tool", "content": "Hello"}]}, "messages of a wrong shape"),
        (Messages(), blocks({"type": "document"}), "a content block document"),
        (Messages(), blocks({"type": "tool_result", "content": [{"type": "tool_reference"}]}), "a content block tool_reference"),
        (Messages(), {"messages": HELLO, "system": [{"type": "image"}]}, "system of a wrong shape"),
        (Messages(), {"messages": HELLO, "tools": [{"type": "bash_20250124", "name": "bash"}]}, "a tool of Anthropic's own, bash"),
        (Messages(), {"messages": HELLO, "thinking": {"type": "enabled", "summary": "auto"}}, "thinking"),
        (Messages(), {"messages": HELLO, "output_config": {"format": {}}}, "output_config"),
        (Responses(), {"input": "Hello", "previous_response_id": "resp_1"}, "parameter previous_response_id"),
        (Responses(), {"input": "Hello", "tools": [{"type": "mcp"}]}, "a tool of type mcp"),
        (Responses(), {"input": [["Hello"]]}, "input of a wrong shape"),
        (Embeddings(), {"input": [[1, 2]]}, "input of another shape than text"),
    ],
)
def test_what_litellm_has_to_do_itself_passes_with_the_reason(protocol: Protocol, body: dict[str, Any], reason: str) -> None:
    assert protocol.why_not({"model": "demo", **body}) == reason
