"""What the gateway asks engines for itself, with its own HTTP parser and LiteLLM's hooks."""

from collections.abc import Callable
from typing import Any


def test_requests_that_come_at_once_ask_once_and_all_questions_share_a_connection(in_gateway: Callable[..., Any]) -> None:
    assert in_gateway("engine_questions") == {
        "fitted": [100],
        "asked": ["GET /v1/models authorization: Bearer key", 'POST /tokenize authorization: Bearer key {"prompt": "Hello"}'],
        "connections": 1,
        "https": "https:// is not spoken here",
    }
