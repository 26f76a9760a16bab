"""Runs with the gateway's Python: what LiteLLM writes down of a failed request, and when its own tokenizer is read; prints it.

python -m tests.integration.token_counts [path of a request that LiteLLM serves itself …]
"""

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

from litellm.proxy import proxy_server, utils

from slipway.gateway import counting, own_way, tokenizer
from slipway.gateway.lane_protocols import PROTOCOLS


def read() -> bool:
    return "tiktoken.load" in sys.modules


async def main(served_by_litellm: list[str]) -> dict[str, Any]:
    tokenizer.install()
    counting.install()
    import litellm

    for path in served_by_litellm:
        await own_way.prepare(PROTOCOLS[path].with_sdk)
    read_ahead, sdk = read(), "openai.resources.completions" in sys.modules
    gone = {"model": "hosted_vllm/served", "api_base": "http://127.0.0.1:9/v1", "api_key": ""}
    proxy_server.llm_router = SimpleNamespace(model_list=[{"litellm_params": gone, "model_info": {"id": "one"}}])
    failed = await asyncio.to_thread(utils._count_request_input_tokens, "served", [{"role": "user", "content": "Hello world"}], "Be brief.")
    handed_on = litellm.main._get_encoding().name
    empty = litellm.token_counter(model="served", text="")
    before = read()
    return {
        "read_ahead": read_ahead,
        "sdk": sdk,
        "failed": failed,
        "handed_on": handed_on,
        "empty": empty,
        "read_for_these": before,
        "text": litellm.token_counter(model="served", text="Hello world"),
        "read_for_text": read(),
    }


sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1:]))))
