"""Runs inside LiteLLM: hands LiteLLM what it is to write into its database, for requests that have followed a precedent.

Many at once: each of LiteLLM's queues takes a lock and an await for whatever is put into it, and what is added up before costs it less.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

from slipway.gateway.lane_record import Record, Row

_LOG = logging.getLogger(__name__)
_GATHERED_SECONDS = 0.05
_TURN = 10  # records that are made in one turn of the event loop, at 0.1 ms each
_PORTION = 100  # rows that LiteLLM turns over several times without letting anything else run; its own 10,000 take seconds


class Ledger:
    """What has been entered and not handed over yet."""

    def __init__(self) -> None:
        self._entries: list[Callable[[], Record]] = []
        self._task: asyncio.Task[None] | None = None

    def enter(self, make: Callable[[], Record], router: Any, deployment: str) -> None:
        """Count one answer that is complete, for LiteLLM's cool-downs now; soon, when others need not wait for it, `make` its record."""
        from litellm.router_utils.router_callbacks.track_deployment_metrics import increment_deployment_successes_for_current_minute

        increment_deployment_successes_for_current_minute(litellm_router_instance=router, deployment_id=deployment)
        self._entries.append(make)
        if self._task is None:
            self._task = asyncio.ensure_future(self._hand_over())

    async def _hand_over(self) -> None:
        from litellm.proxy.proxy_server import prisma_client
        from litellm.proxy.utils import enqueue_spend_logs

        await asyncio.sleep(_GATHERED_SECONDS)
        entries, self._entries, self._task = self._entries, [], None
        records: list[Record] = []
        for number, make in enumerate(entries, 1):
            try:
                records.append(make())
            except Exception:
                # the others are not to be lost for it
                _LOG.exception("a request has no row in the spend log")
            if number % _TURN == 0:
                await asyncio.sleep(0)
        await enqueue_spend_logs(prisma_client, [record.row for record in records])
        updates: dict[Any, list[Any]] = {}
        for record in records:
            for queue, update in record.updates:
                updates.setdefault(queue, []).append(update)
        for queue, found in updates.items():
            await _add(queue, found, prisma_client)


async def _add(queue: Any, updates: list[Any], prisma_client: Any) -> None:
    from litellm.proxy.db.db_transaction_queue.daily_spend_update_queue import DailySpendUpdateQueue
    from litellm.proxy.db.db_transaction_queue.spend_update_queue import SpendUpdateQueue

    if queue is None:
        async with prisma_client._model_usage_transactions_lock:
            prisma_client.model_usage_transactions.extend(updates)
    elif isinstance(queue, DailySpendUpdateQueue):
        await queue.add_update(queue.get_aggregated_daily_spend_update_transactions(updates))
    elif isinstance(queue, SpendUpdateQueue):
        for item in queue._get_aggregated_spend_update_queue_item(updates):
            await queue.add_update(item)
    else:
        for item in updates:
            queue.add_update(item)


LEDGER = Ledger()


def backlog() -> float:
    """How much of the memory that LiteLLM has for rows is taken by those that wait: at 1 it drops the oldest."""
    client, most = _queue()
    return float(client.spend_log_queue_bytes / most)


@cache
def _queue() -> tuple[Any, int]:
    from litellm.constants import SPEND_LOG_QUEUE_MAX_BYTES
    from litellm.proxy.utils import PrismaClient

    return PrismaClient, SPEND_LOG_QUEUE_MAX_BYTES


def install() -> None:
    """Have LiteLLM write its rows in portions, and leave alone those that are as it wants them."""
    from litellm.proxy import utils
    from litellm.proxy.spend_tracking import spend_tracking_utils

    utils.dequeue_spend_logs = _in_portions(utils.dequeue_spend_logs, utils.request_spend_log_flush)
    spend_tracking_utils.spend_log_row_with_retained_metadata = _unless_trimmed(spend_tracking_utils.spend_log_row_with_retained_metadata)


def _in_portions(dequeue: Callable[..., Awaitable[list[Any]]], ask_again: Callable[[Any], None]) -> Callable[..., Awaitable[list[Any]]]:
    async def dequeue_spend_logs(prisma_client: Any, limit: int) -> list[Any]:
        found = await dequeue(prisma_client, min(limit, _PORTION))
        if prisma_client.spend_log_transactions:
            ask_again(prisma_client)
        return found

    return dequeue_spend_logs


def _unless_trimmed(trim: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
    def spend_log_row_with_retained_metadata(row: Mapping[str, Any], fields: Any) -> Mapping[str, Any]:
        return row if isinstance(row, Row) else trim(row, fields)

    return spend_log_row_with_retained_metadata
