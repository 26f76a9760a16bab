"""Runs with the gateway's Python: what LiteLLM writes down of a failed request, and when its own tokenizer is read; prints it.

python -m tests.integration.token_counts [ahead]   # ahead: LiteLLM serves a request itself
"""

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

from litellm.proxy import proxy_server, utils

from slipway.gateway import counting, tokenizer


def read() -> bool:
    return "tiktoken.load" in sys.modules


async def main(ahead: bool) -> dict[str, Any]:
    tokenizer.install()
    counting.install()
    import litellm

    if ahead:
        await asyncio.gather(*(tokenizer.read_ahead() for _ in range(2)))
    read_ahead = read()
    gone = {"model": "hosted_vllm/served", "api_base": "http://127.0.0.1:9/v1", "api_key": ""}
    proxy_server.llm_router = SimpleNamespace(model_list=[{"litellm_params": gone, "model_info": {"id": "one"}}])
    failed = await asyncio.to_thread(utils._count_request_input_tokens, "served", [{"role": "user", "content": "Hello world"}], "Be brief.")
    handed_on = litellm.main._get_encoding().name
    empty = litellm.token_counter(model="served", text="")
    before = read()
    return {
        "read_ahead": read_ahead,
        "failed": failed,
        "handed_on": handed_on,
        "empty": empty,
        "read_for_these": before,
        "text": litellm.token_counter(model="served", text="Hello world"),
        "read_for_text": read(),
    }


sys.stdout.write(json.dumps(asyncio.run(main("ahead" in sys.argv[1:]))))
