"""Runs with the gateway's Python, which has LiteLLM: what of LiteLLM's configuration keeps a stream from the lane; prints it for each."""

import json
import sys
from typing import Any, cast

import litellm
from litellm import Router
from litellm.proxy import proxy_server

from slipway.gateway.lane_chat import Chat
from slipway.gateway.lane_request import Passage, why_not

ASKED: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
PARAMS = {"model": "hosted_vllm/demo", "api_base": "http://127.0.0.1:9/v1", "api_key": "none"}


def reason(add_cost: bool = False, **general: Any) -> str:
    proxy_server.general_settings = general
    litellm.include_cost_in_streaming_usage = add_cost
    return why_not(Passage(Chat(), cast(Any, None)), ASKED, [])


proxy_server.llm_router = Router(model_list=[{"model_name": "demo", "litellm_params": PARAMS}], num_retries=0)
found = {
    "none": reason(),
    "no usage": reason(always_include_stream_usage=False),
    "usage for all": reason(always_include_stream_usage=True),
    "cost": reason(add_cost=True),
    "prompts": reason(store_prompts_in_spend_logs=True),
}
sys.stdout.write(json.dumps(found))
