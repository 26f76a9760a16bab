"""LiteLLM's router asks the deployment again that has failed a request on the lane, so that LiteLLM learns of the failure."""

import asyncio
import contextvars
from typing import Any

from slipway.gateway.lane_chat import Chat
from slipway.gateway.lane_deployment import Deployed, choosing_again

FAILED = {"litellm_params": {"model": "hosted_vllm/demo", "api_base": "http://127.0.0.1:9/v1"}, "model_info": {"id": "failed"}}


async def choose(router: Any, *, model: str) -> str:
    return f"the router's choice for {model}"


async def ask(times: int) -> list[Any]:
    choosing = choosing_again(choose)
    return [await choosing(None, model="demo") for _ in range(times)]


def test_a_request_that_has_failed_is_sent_to_the_same_deployment_once_more() -> None:
    def fail() -> list[Any]:
        call = Deployed(Chat(), "demo", {}, None)
        call.deploy(FAILED)
        call.ask_again()
        return asyncio.run(ask(2))

    assert contextvars.copy_context().run(fail) == [FAILED, "the router's choice for demo"]


def test_other_requests_go_where_the_router_sends_them() -> None:
    assert asyncio.run(ask(1)) == ["the router's choice for demo"]
