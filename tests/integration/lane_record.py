"""Runs with the gateway's Python, which has LiteLLM: what LiteLLM writes down of one request, rewritten for another one.

python -m tests.integration.lane_record; prints for each usage the fields in which it is not what LiteLLM writes down of that one.
"""

import asyncio
import json
import sys
import uuid
from datetime import datetime, timedelta
from typing import Any

from litellm import ModelResponse, Usage
from litellm.proxy.db.db_spend_update_writer import DBSpendUpdateWriter
from litellm.proxy.spend_tracking.spend_tracking_utils import get_logging_payload
from litellm.proxy.utils import PrismaClient

from slipway.gateway.lane_record import Facts, Record

USAGES: dict[str, dict[str, Any]] = {
    "plain": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
    "no details": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "prompt_tokens_details": None},
    "cached": {"prompt_tokens": 90, "completion_tokens": 5, "total_tokens": 95, "prompt_tokens_details": {"cached_tokens": 64}},
    "nothing cached": {"prompt_tokens": 90, "completion_tokens": 5, "total_tokens": 95, "prompt_tokens_details": {"cached_tokens": 0}},
    "reasoning": {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17, "completion_tokens_details": {"reasoning_tokens": 3}},
    "no answer": {"prompt_tokens": 12, "completion_tokens": 0, "total_tokens": 12},
}


def facts_of(usage: dict[str, Any], overhead: float | None) -> Facts:
    start = datetime.now()
    ids = (str(uuid.uuid4()), f"chatcmpl-{uuid.uuid4().hex}", str(uuid.uuid4()))
    moments = (start, start + timedelta(milliseconds=30), start + timedelta(milliseconds=len(str(usage)) * 7))
    return Facts(*ids, *moments, Usage(**usage).model_dump(), overhead)


async def written(facts: Facts) -> Record:
    """What LiteLLM makes of it: the row, and the day's sum of its user."""
    metadata = {"user_api_key": "ab" * 32, "user_api_key_user_id": "someone", "model_group": "demo", "model_info": {"id": "one"}}
    payload: dict[str, Any] = get_logging_payload(
        {
            "model": "demo",
            "call_type": "acompletion",
            "custom_llm_provider": "hosted_vllm",
            "litellm_call_id": facts.call_id,
            "completion_start_time": facts.first_token,
            "litellm_params": {"metadata": metadata, "api_base": "http://127.0.0.1:8000/v1"},
            "standard_logging_object": {
                "trace_id": facts.session_id,
                "prompt_tokens": facts.usage["prompt_tokens"],
                "completion_tokens": facts.usage["completion_tokens"],
                "total_tokens": facts.usage["total_tokens"],
                "metadata": {"usage_object": facts.usage},
                "model_map_information": {"model_map_key": "demo", "model_map_value": None},
                "hidden_params": {"litellm_overhead_time_ms": facts.overhead},
                "request_tags": ["User-Agent: curl"],
            },
        },
        ModelResponse(id=facts.answer_id, model="demo", usage=facts.usage),
        facts.started,
        facts.ended,
    )
    payload |= {"startTime": payload["startTime"].isoformat(), "endTime": payload["endTime"].isoformat(), "spend": 0.0}
    client = PrismaClient.__new__(PrismaClient)  # asked for the status of a row only
    daily = await DBSpendUpdateWriter()._common_add_spend_log_transaction_to_daily_transaction(payload, client, "user")
    return Record(payload, [("daily", {"someone": daily})])


async def differences(usage: dict[str, Any], overhead: float | None) -> list[str]:
    first = await written(facts_of(USAGES["plain"], overhead and overhead + 1))
    facts = facts_of(usage, overhead)
    found, expected = first.rewritten(facts), await written(facts)
    rows = [name for name in expected.row.keys() | found.row.keys() if found.row.get(name) != expected.row.get(name)]
    return sorted(rows) + ([] if found.updates == expected.updates else ["updates"])


async def main() -> None:
    found = {name: [await differences(usage, overhead) for overhead in (None, 3.5)] for name, usage in USAGES.items()}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
