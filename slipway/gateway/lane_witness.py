"""Runs inside LiteLLM: watches what LiteLLM does with one request of the lane, so that it can be a precedent for others."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import WeakSet

from slipway.gateway.deployments import engine_of, id_of
from slipway.gateway.lane_precedent import (
    Headers,
    Precedent,
    Precedents,
    Shape,
    as_said,
    counted,
    expiry,
    numbers_of,
    same_headers,
    same_reads,
)
from slipway.gateway.lane_protocol import Protocol
from slipway.gateway.lane_record import Facts, Record

_LOG = logging.getLogger(__name__)
_watching: ContextVar[Witness | None] = ContextVar("slipway_witness", default=None)

# what of a call's arguments belongs to one request alone
_OWN = ("litellm_logging_obj", "proxy_server_request", "litellm_call_id", "litellm_trace_id")
_NOT_CALLED = object()


def cached(name: str) -> Any:
    """What this worker has in memory of LiteLLM's cache of keys, users and teams."""
    from litellm.proxy.proxy_server import user_api_key_cache

    memory = user_api_key_cache.in_memory_cache_for(name)
    found = memory.cache_dict.get(name)
    # what is no text, LiteLLM tries to parse all the same, each time
    return found if type(found) is dict and not memory._is_key_expired(name) else memory.get_cache(name)


PRECEDENTS = Precedents(cached)


@dataclass(eq=False)
class Witness:
    """What has been seen of one request so far, in the order of the fields."""

    shape: object
    protocol: Protocol
    body: bytes
    numbers: Mapping[str, int]
    known: Shape | None = None  # what is known of the shape, if anything
    read: dict[str, Any] = field(default_factory=dict)  # of LiteLLM's cache, until the key is known
    key: Any = None
    deployment: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    sent: bytes = b""  # to the engine
    headers: Headers = ()
    provider: Mapping[str, Any] = field(default_factory=dict)  # the engine's headers by LiteLLM's names
    facts: Facts | None = None
    record: Record = field(default_factory=Record)
    broke_off: bool = False  # it has not come to its end, which says nothing about others
    unfit: str = ""  # why neither it nor another one of its shape can be a precedent

    def authorized(self, key: Any) -> None:
        """LiteLLM has let the request through, for this key."""
        self.key = key
        # what it did not find there, it has put there now
        self.read = {name: cached(name) if value is None else value for name, value in self.read.items()}
        entries = [key.model_dump(), *(value for value in self.read.values() if isinstance(value, dict))]
        self.unfit = self.unfit or next((name for name in map(counted, entries) if name), "")

    def asked(self, deployment: Mapping[str, Any], timeout: float | None, kwargs: Mapping[str, Any], sent: bytes) -> None:
        """The request goes to this engine, with `kwargs` as the arguments of LiteLLM's call."""
        self.deployment, self.timeout, self.sent = deployment, timeout, sent
        self.kwargs = {name: copied(value) for name, value in kwargs.items() if name not in (*_OWN, *self.protocol.content)}
        self.unfit = self.unfit or _counting()
        if self.known and same_reads(self.known.read, self.read) and not self.unfit:
            PRECEDENTS.renew(self.known, id_of(deployment), self.numbers)

    def _precedent(self) -> Precedent:
        return Precedent(self.deployment, self.kwargs, self.timeout, self.headers, self.record, *as_said(self.numbers, self.kwargs))

    async def conclude(self) -> None:
        """LiteLLM has written down all that it does."""
        if self.unfit:
            PRECEDENTS.forget(self.shape)
        if self.unfit or self.broke_off or not self.facts or not self.headers or not self.record.row:
            return
        precedent = self._precedent()
        if earlier := PRECEDENTS.earlier(self.shape, precedent):
            difference = await self._difference(earlier)
            precedent.holds = not difference
            if difference:
                _LOG.info("LiteLLM decided otherwise about a request than about one like it: %s", difference)
            else:
                precedent.highest = {name: max(value, earlier.highest[name]) for name, value in precedent.highest.items()}
            if earlier.record.row["session_id"] == self.record.row["session_id"]:
                precedent.session = self.record.row["session_id"]
        PRECEDENTS.learn(self.shape, self.read, expiry(self.key), precedent)

    async def _difference(self, earlier: Precedent) -> str:
        """In what this request came out otherwise than `earlier` foretold; empty: in nothing."""
        assert self.facts is not None
        arguments = earlier.arguments(json.loads(self.body), self.protocol)
        if await want(self.protocol, earlier, arguments) != self.sent:
            return "what the engine is sent"
        if not same_headers(earlier.answer_headers(self.facts.call_id, self.provider, 0, 0), self.headers):
            return "headers"
        record = earlier.record.rewritten(self.facts)
        if record.row != self.record.row:
            return f"spend row: {sorted(name for name in record.row if record.row[name] != self.record.row.get(name))}"
        if record.updates != self.record.updates:
            return "sums"
        return ""


_witnesses: WeakSet[Witness] = WeakSet()
# of requests that are being answered, each 25 KB; those of one shape that has no precedent would all tell the same
_MOST, _MOST_ALIKE = 128, 4


def call_witness(
    shape: object, protocol: Protocol, body: bytes, numbers: Mapping[str, int], known: Shape | None, unfit: str
) -> Witness | None:
    """A witness of one more request; None where there are enough."""
    if known is None and (len(_witnesses) >= _MOST or sum(found.shape == shape for found in _witnesses) >= _MOST_ALIKE):
        return None
    witness = Witness(shape, protocol, body, numbers, known, unfit=unfit)
    _witnesses.add(witness)
    return witness


async def want(protocol: Protocol, precedent: Precedent, kwargs: dict[str, Any]) -> bytes:
    """What the engine is sent for these arguments of LiteLLM's call."""
    numbers = numbers_of(kwargs)
    made = precedent.parameters[1] if precedent.parameters and precedent.parameters[0] == numbers else None
    wanted = await protocol.want(kwargs, engine_of(precedent.deployment).model, {}, made)
    precedent.parameters = numbers, wanted.parameters
    if kwargs.get("stream") is True:
        protocol.ask_to_stream(wanted.body)
    return wanted.encoded()


def watch(witness: Witness | None) -> None:
    """From here on this request is watched, and all that is done for it later."""
    _watching.set(witness)


def _counting() -> str:
    """What beside spend rows and sums LiteLLM counts for this request; empty: nothing."""
    import litellm
    from litellm.proxy.hooks.parallel_request_limiter_v3 import get_request_stash

    if litellm.max_budget or litellm.max_end_user_budget:
        return "a budget of the whole gateway"
    stash = get_request_stash()
    if stash is None or stash.rate_limit_response is not None or stash.reserved_tokens or stash.parallel_slot:
        return "limits"
    return ""


def install() -> None:
    """Wrap the places where LiteLLM reads who may do what, and where it writes down what was done."""
    from litellm.proxy.db import db_spend_update_writer as writer
    from litellm.proxy.db import spend_log_tool_index as tools
    from litellm.proxy.db.db_transaction_queue.daily_spend_update_queue import DailySpendUpdateQueue
    from litellm.proxy.db.db_transaction_queue.spend_update_queue import SpendUpdateQueue
    from litellm.proxy.db.db_transaction_queue.tool_discovery_queue import ToolDiscoveryQueue
    from litellm.proxy.db.db_transaction_queue.window_spend_update_queue import WindowSpendUpdateQueue
    from litellm.proxy.proxy_server import user_api_key_cache

    for memory in (user_api_key_cache.in_memory_cache, user_api_key_cache.key_object_cache.in_memory_cache):
        memory.get_cache = _noting_reads(memory.get_cache)
    for queue in (DailySpendUpdateQueue, SpendUpdateQueue, ToolDiscoveryQueue):
        queue.add_update = _noting_updates(queue.add_update)
    WindowSpendUpdateQueue.add_update = _ruling_out(WindowSpendUpdateQueue.add_update, "a budget of some hours or days")
    writer.build_model_usage_transaction = _noting_models(writer.build_model_usage_transaction)
    tools.build_tool_usage_transaction = _ruling_out(tools.build_tool_usage_transaction, "tools that ran")
    spend = writer.DBSpendUpdateWriter
    spend.update_database = _noting_facts(spend.update_database)
    spend._insert_spend_log_to_db = _noting_rows(spend._insert_spend_log_to_db)
    spend._batch_database_updates = _concluding(spend._batch_database_updates)


def _noting_reads(get: Callable[..., Any]) -> Callable[..., Any]:
    def get_cache(key: str, **kwargs: Any) -> Any:
        found, witness = get(key, **kwargs), _watching.get()
        if witness is not None and witness.key is None:
            witness.read[key] = found
        return found

    return get_cache


def _noting_updates(add: Callable[..., Any]) -> Callable[..., Any]:
    def add_update(queue: Any, update: Any = _NOT_CALLED, **kwargs: Any) -> Any:
        found = kwargs.get("item") if update is _NOT_CALLED else update
        if witness := _watching.get():
            witness.record.updates.append((queue, copied(found)))
        return add(queue, found)

    return add_update


def copied(value: Any) -> Any:
    """What LiteLLM goes on to write into: the metadata of a call, a daily sum that waits."""
    return {key: copied(item) for key, item in value.items()} if type(value) is dict else value


def _noting_models(build: Callable[..., Any]) -> Callable[..., Any]:
    def build_model_usage_transaction(payload: Any) -> Any:
        found = build(payload)
        if (witness := _watching.get()) and found is not None:
            witness.record.updates.append((None, found))
        return found

    return build_model_usage_transaction


def _ruling_out(function: Callable[..., Any], reason: str) -> Callable[..., Any]:
    """What `function` gives, where it is something, is this request's alone."""

    def call(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if (witness := _watching.get()) and found is not None:
            witness.unfit = reason
        return found

    return call


def _noting_rows(insert: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """With what LiteLLM leaves out when it writes them, by its configuration, left out already."""
    from litellm.proxy.spend_tracking.spend_tracking_utils import (
        configured_spend_logs_metadata_fields,
        spend_log_row_with_retained_metadata,
    )

    async def insert_spend_log_to_db(self: Any, payload: Any, **kwargs: Any) -> Any:
        if witness := _watching.get():
            witness.record.row = dict(spend_log_row_with_retained_metadata(payload, configured_spend_logs_metadata_fields()))
        return await insert(self, payload=payload, **kwargs)

    return insert_spend_log_to_db


def _noting_facts(update: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def update_database(self: Any, **kwargs: Any) -> Any:
        witness = _watching.get()
        if witness is not None:
            with suppress(KeyError, AttributeError, TypeError):
                witness.facts = facts_of(kwargs)
            if kwargs["response_cost"]:
                witness.unfit = "costs"
        return await update(self, **kwargs)

    return update_database


def _concluding(update: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def batch_database_updates(self: Any, **kwargs: Any) -> Any:
        found = await update(self, **kwargs)
        witness = _watching.get()
        if witness is not None:
            _watching.set(None)
            try:
                await witness.conclude()
            except Exception:
                _LOG.exception("a request could not be made a precedent")
        return found

    return batch_database_updates


def facts_of(arguments: Mapping[str, Any]) -> Facts:
    """From the arguments of DBSpendUpdateWriter.update_database."""
    kwargs, answer = arguments["kwargs"], arguments["completion_response"]
    noted = kwargs["standard_logging_object"]
    ended: datetime = arguments["end_time"]
    return Facts(
        kwargs["litellm_call_id"],
        getattr(answer, "id", None) or kwargs["litellm_call_id"],
        noted.get("trace_id") or str(uuid.uuid4()),
        arguments["start_time"],
        kwargs.get("completion_start_time", ended),
        ended,
        noted["metadata"]["usage_object"],
        noted["hidden_params"].get("litellm_overhead_time_ms"),
    )
