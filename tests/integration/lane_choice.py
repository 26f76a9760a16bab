"""Runs with the gateway's Python, which has LiteLLM: to which deployment a request goes without LiteLLM's router, and with it; prints both."""

import asyncio
import json
import sys
from typing import Any, cast

from litellm import Router

from slipway.gateway.deployments import id_of
from slipway.gateway.lane_chat import Chat
from slipway.gateway.lane_follow import Following
from slipway.gateway.lane_request import Passage

ASKED: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}


def router(*ids: str, info: dict[str, Any] | None = None, **settings: Any) -> Any:
    params = {"model": "hosted_vllm/demo", "api_base": "http://127.0.0.1:9/v1", "api_key": "none"}
    deployments = [{"model_name": "demo", "litellm_params": params, "model_info": {"id": name, **(info or {})}} for name in ids]
    return Router(model_list=deployments, model_group_alias={"alias": "demo"}, **settings)


def cooled(made: Any) -> Any:
    made.cooldown_cache.add_deployment_to_cooldown("one", RuntimeError("it failed"), 500, 60.0)
    return made


async def choices(made: Any, model: str = "demo") -> list[str]:
    passage = Passage(Chat(), cast(Any, None), model=model, deployments=made.get_model_list(model_name=model))
    without = await Following(passage, {**ASKED, "model": model}, made, cast(Any, None))._only_deployment()
    try:
        chosen = id_of(await made.async_get_available_deployment(request_kwargs={}, **{**ASKED, "model": model}))
    except Exception as error:
        chosen = type(error).__name__
    return [without, chosen]


async def main() -> dict[str, Any]:
    return {
        "one": await choices(router("one")),
        "by an alias": await choices(router("one"), "alias"),
        "cooled down": await choices(cooled(router("one"))),
        "blocked": await choices(router("one", info={"blocked": True})),
        "checked before": (await choices(router("one", enable_pre_call_checks=True)))[0],
        "two": (await choices(router("one", "two")))[0],
    }


sys.stdout.write(json.dumps(asyncio.run(main())))
