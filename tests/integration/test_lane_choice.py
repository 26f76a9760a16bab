"""Where a request goes that follows a precedent, beside LiteLLM's own router."""

from collections.abc import Callable
from typing import Any


def test_where_a_route_has_one_deployment_that_is_well_the_router_is_not_asked(in_gateway: Callable[..., Any]) -> None:
    assert in_gateway("lane_choice") == {
        "one": ["one", "one"],
        "by an alias": ["one", "one"],
        "cooled down": ["", "RouterRateLimitError"],
        "blocked": ["", "RouterRateLimitError"],
        "checked before": "",
        "two": "",
    }
