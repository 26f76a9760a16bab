"""LangChain against a running stack: chat, stream, tool call, structured answer, with both of its model classes.

Run by tests/e2e/test_client_libraries.py with the clients' own Python; prints what came back as JSON.
Usage: langchain_check.py URL, with the key in SLIPWAY_KEY.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


def get_weather(city: str) -> str:
    """Weather in a city"""
    return f"18 degrees in {city}"


def check(model: Any) -> dict[str, Any]:
    call = model.bind_tools([tool(get_weather)]).invoke("What is the weather in Paris?").tool_calls[0]
    return {
        "answer": text_of(model.invoke("What is the capital of France?")),
        "streamed": "".join(text_of(chunk) for chunk in model.stream("What is the capital of France?")),
        "call": [call["name"], call["args"]],
    }


def text_of(message: Any) -> str:
    return str(message.text)


def main() -> None:
    url, key = sys.argv[1], os.environ["SLIPWAY_KEY"]
    openai = ChatOpenAI(model="vllm_agent", base_url=f"{url}/v1", api_key=key, temperature=0, max_retries=0)
    claude = ChatAnthropic(model="claude-opus-5-5", base_url=url, api_key=key, max_retries=0, max_tokens=200)
    city = {"enum": ["Paris", "Rome"]}
    place = {"title": "place", "type": "object", "properties": {"city": city}, "required": ["city"], "additionalProperties": False}
    # without a penalty the toy fills the place between two words of JSON with blanks for ever
    penalized = openai.model_copy(update={"frequency_penalty": 2})
    structured = penalized.with_structured_output(place, method="json_schema").invoke("What is the weather in Paris?")
    sys.stdout.write(json.dumps({"openai": check(openai), "anthropic": check(claude), "structured": structured}))


if __name__ == "__main__":
    main()
