"""Runs inside LiteLLM: a call that follows a precedent, in the place of a call that LiteLLM makes ready."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from slipway.gateway.deployments import id_of
from slipway.gateway.lane_account import Account
from slipway.gateway.lane_deployment import Deployed
from slipway.gateway.lane_ledger import LEDGER
from slipway.gateway.lane_precedent import Precedent, Shape
from slipway.gateway.lane_record import Facts, Record
from slipway.gateway.lane_request import Passage
from slipway.gateway.lane_stream import EventStream
from slipway.gateway.lane_witness import PRECEDENTS, want


class Following(Deployed):
    """One call by a precedent. `account` has LiteLLM open its own account of the call after all, for an end that has no precedent."""

    def __init__(
        self,
        passage: Passage,
        data: Mapping[str, Any],
        router: Any,
        account: Callable[[Following], Awaitable[Account]],
    ) -> None:
        super().__init__(passage.protocol, passage.model, dict(data), router)
        self._deployments = passage.deployments
        self._open_account = account
        self.arrived = datetime.now()
        self.call_id = str(uuid.uuid4())

    async def choose_deployment(self, shape: Shape) -> bool:
        """LiteLLM's router's choice; whether there is a precedent for it. Raises LiteLLM's errors."""
        found = PRECEDENTS.holding(shape, await self._only_deployment() or await self._router_choice(shape), self._kwargs)
        if found is None:
            return False
        self._precedent: Precedent = found
        self.timeout = found.timeout
        self.deploy(found.deployment)
        self._kwargs = found.arguments(self._kwargs, self.protocol)
        return True

    async def _only_deployment(self) -> str:
        """The id of the deployment where the route has one, to which LiteLLM's router would let the request go; empty: let it choose."""
        router = self._router
        if len(self._deployments) != 1 or router.enable_pre_call_checks or router.enable_health_check_routing:
            return ""
        only = self._deployments[0]
        name, cooldowns = id_of(only), router.cooldown_cache
        if cooldowns.cooldown_store.redis_cache is not None:
            cooling = await cooldowns.async_get_active_cooldowns([name], None)
        else:
            noted = cooldowns.in_memory_cache.get_cache(cooldowns.get_cooldown_cache_key(name))
            cooling = cooldowns.active_cooldowns_from_results([name], [noted])
        return "" if cooling or only["model_info"].get("blocked") else name

    async def _router_choice(self, shape: Shape) -> str:
        protocol = self.protocol
        metadata = next(iter(shape.precedents.values())).kwargs[protocol.metadata]
        kwargs = {**self._kwargs, protocol.metadata: dict(metadata)}
        question = protocol.question(kwargs)
        for name in ("model", protocol.apart):
            kwargs.pop(name, None)
        return id_of(await self._router.async_get_available_deployment(model=self.model, request_kwargs=kwargs, **question))

    async def prepare(self) -> bytes:
        """What the engine is sent."""
        return await want(self.protocol, self._precedent, self._kwargs)

    def note_answer(self, began: datetime, headers: dict[str, str]) -> None:
        """The head of the answer is there."""
        self.began, self.headers, self._answered = began, headers, datetime.now()

    def note_first_token(self) -> None:
        self.first_token = datetime.now()

    def answer_headers(self) -> list[tuple[bytes, bytes]]:
        """Those of the answer to the client."""
        provider = {name: self.headers[its] for name, its in _litellms_names(tuple(self.headers)).items()}
        whole = (datetime.now() - self.arrived).total_seconds() * 1000
        engine = (self._answered - self.began).total_seconds() * 1000
        return self._precedent.answer_headers(self.call_id, provider, whole, round(whole - engine, 4))

    async def stream_headers(self) -> dict[str, Any]:
        return {}

    def let_go(self) -> None:
        """The arguments of LiteLLM's call, and the conversation in them: what is left for them to say is in the request's body too."""
        self._kwargs = {}

    async def finish(self, found: dict[str, Any]) -> dict[str, Any]:
        """An answer is complete."""
        self.leave()
        self._found, self._ended = found, datetime.now()
        return {}

    def log(self) -> None:
        """Log it, which the client need not wait for."""
        self._write(partial(self._record, self._found.get("id"), self._found.get("usage") or {}, self.began, None, self._ended))

    async def finish_stream(self, events: EventStream) -> None:
        """Log a stream that has reached its end, which may be the engine's word that it failed."""
        if events.failed or not events.usage:
            await (await self._open_account(self)).finish_stream(events)
        else:
            self._write(partial(self._stream_record, events, datetime.now()))

    async def finish_left(self, events: EventStream) -> None:
        """Log a stream whose client went away."""
        await (await self._open_account(self)).finish_left(events)

    async def finish_broken(self, error: str, events: EventStream) -> bytes:
        """Log a stream that the engine broke off; gives the events that tell the client so."""
        return await (await self._open_account(self)).finish_broken(error, events)

    def _write(self, make: Callable[[], Record]) -> None:
        self.count_success()
        LEDGER.enter(make, self._router, self._precedent.deployment_id)

    def _stream_record(self, events: EventStream, ended: datetime) -> Record:
        begun = events.body(events.first)
        answer_id = next((part["id"] for part in (begun, begun.get("message"), begun.get("response")) if part and "id" in part), None)
        return self._record(answer_id, events.found_usage(), self.arrived, self.first_token, ended)

    def _record(self, answer_id: Any, usage: dict[str, Any], started: datetime, first_token: datetime | None, ended: datetime) -> Record:
        from litellm import Usage

        overhead = (ended - started).total_seconds() * 1000 - (self._answered - self.began).total_seconds() * 1000
        facts = Facts(
            self.call_id,
            str(answer_id) if self.protocol.identified else self.call_id,
            self._precedent.session or str(uuid.uuid4()),
            started,
            first_token or ended,
            ended,
            Usage(**self.protocol.usage(usage)).model_dump(),
            round(overhead, 4),
        )
        return self._precedent.record.rewritten(facts)


@lru_cache(maxsize=100)
def _litellms_names(headers: tuple[str, ...]) -> dict[str, str]:
    """LiteLLM's names of the headers of an engine's answer, each with the engine's own: LiteLLM hands on the values as they are."""
    from litellm.litellm_core_utils.llm_response_utils.get_headers import get_response_headers

    found: dict[str, str] = get_response_headers({name: name for name in headers})
    return found
