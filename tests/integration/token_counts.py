"""Runs with the gateway's Python: what LiteLLM counts of the prompt of a request that found no engine; prints it."""

import asyncio
import json
import sys
from types import SimpleNamespace

from litellm.proxy import proxy_server, utils

from slipway.gateway import counting


async def main() -> int:
    counting.install()
    gone = {"model": "hosted_vllm/served", "api_base": "http://127.0.0.1:9/v1", "api_key": ""}
    proxy_server.llm_router = SimpleNamespace(model_list=[{"litellm_params": gone, "model_info": {"id": "one"}}])
    messages = [{"role": "user", "content": "Hello world"}]
    found: int = await asyncio.to_thread(utils._count_request_input_tokens, "served", messages, "Be brief.")
    return found


sys.stdout.write(json.dumps(asyncio.run(main())))
