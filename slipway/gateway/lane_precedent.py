"""Runs inside LiteLLM: what LiteLLM has decided about requests of one shape, kept for the next ones.

Two requests have one shape when they differ in the conversation only: same client, headers (so the same key), path and parameters.
What LiteLLM makes of the first, it makes of the second, if nothing that it has read to authorize it has changed, and no limit or
budget counts them. A precedent holds once a second request has come out, in all that is kept here, just as the first one foretold.
LiteLLM decides about one request of the shape anew every few seconds, and that is compared again.
"""

from __future__ import annotations

import marshal
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from slipway.gateway.deployments import id_of
from slipway.gateway.lane_protocol import Protocol
from slipway.gateway.lane_record import Record

RENEWED_SECONDS = 10.0  # after which one request goes LiteLLM's way again
RENEWED_REQUESTS = 3  # that follow at least before: of a client that asks every few seconds, most do
KEPT_SECONDS = 30.0  # a precedent holds no longer, should that one not come so far
_MOST, _MOST_EACH = 128, 16  # shapes, and precedents of one: headers and parameters come from clients

Headers = Sequence[tuple[bytes, bytes]]

_PROVIDER, _CALL_ID = b"llm_provider-", b"x-litellm-call-id"
_DURATION, _OVERHEAD = b"x-litellm-response-duration-ms", b"x-litellm-overhead-duration-ms"


@dataclass
class Precedent:
    """What LiteLLM has made of a request of one shape, on one deployment."""

    deployment: Mapping[str, Any]
    kwargs: Mapping[str, Any]  # the arguments of LiteLLM's call, without the conversation
    timeout: float | None
    headers: Headers  # of the answer
    record: Record
    highest: Mapping[str, int] = field(default_factory=dict)  # numbers that the engine was asked for as the client said
    lowered: Mapping[str, int] = field(default_factory=dict)  # and others
    parameters: tuple[Mapping[str, int], dict[str, Any]] | None = None  # for which numbers, and what LiteLLM has made of the call's
    session: str = ""  # that LiteLLM gives all such requests; empty: each has its own
    holds: bool = False
    due: float = 0.0  # when LiteLLM shall decide again
    followed: int = 0  # requests since it has
    until: float = 0.0

    @property
    def deployment_id(self) -> str:
        return id_of(self.deployment)

    @property
    def kind(self) -> object:
        """What tells it from others of its shape."""
        return self.deployment_id, tuple(self.lowered.items())

    def covers(self, numbers: Mapping[str, int]) -> bool:
        """Whether a hook that lowers numbers does with those of a request as it did here."""
        return all(numbers[name] <= value for name, value in self.highest.items()) and all(
            numbers[name] == value for name, value in self.lowered.items()
        )

    def arguments(self, data: Mapping[str, Any], protocol: Protocol) -> dict[str, Any]:
        """Those of LiteLLM's call, for another request."""
        return {**self.kwargs, **{name: value for name, value in own_arguments(data, protocol).items() if name not in self.lowered}}

    def answer_headers(self, call_id: str, provider: Mapping[str, Any], milliseconds: float, overhead: float) -> list[tuple[bytes, bytes]]:
        """The answer's headers for another request; `provider`: those that the engine sent, by LiteLLM's names."""
        own = {_CALL_ID: call_id.encode(), _DURATION: str(milliseconds).encode(), _OVERHEAD: str(overhead).encode()}
        lasting, places, told = self._frame
        found = list(lasting)
        for place, name in places:
            found[place] = name, own[name]
        if told is not None:
            found[told:told] = [(key.lower().encode("latin-1"), str(item).encode("latin-1")) for key, item in provider.items()]
        return found

    @cached_property
    def _frame(self) -> tuple[list[tuple[bytes, bytes]], list[tuple[int, bytes]], int | None]:
        """`headers` without those that the engine sent, the places of a request's own among them, and where the engine's stood."""
        lasting = [item for item in self.headers if not item[0].startswith(_PROVIDER)]
        places = [(place, name) for place, (name, _) in enumerate(lasting) if name in (_CALL_ID, _DURATION, _OVERHEAD)]
        return lasting, places, next((place for place, (name, _) in enumerate(self.headers) if name.startswith(_PROVIDER)), None)


def same_headers(one: Headers, other: Headers) -> bool:
    """Whether two answers' headers are the same, times apart."""
    return _timeless(one) == _timeless(other)


def _timeless(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name, b"" if name in (_DURATION, _OVERHEAD) else value) for name, value in headers]


@dataclass
class Shape:
    """What is the same in some requests."""

    read: dict[str, Any]  # what LiteLLM has read of its cache to authorize them
    expires: float  # of the key, in seconds since 1970
    precedents: dict[object, Precedent] = field(default_factory=dict)


# of a key, user or team: when LiteLLM has read it from the database, and when it has last written there that it was used
_STAMPS = ("last_refreshed_at", "last_active", "updated_at")


def same_entry(one: Any, other: Any) -> bool:
    """Whether two entries of LiteLLM's cache authorize the same."""
    return bool(one == other) or (isinstance(one, dict) and isinstance(other, dict) and _lasting(one) == _lasting(other))


def same_reads(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether what LiteLLM has read of its cache authorizes the same."""
    return one.keys() == other.keys() and all(same_entry(value, other[name]) for name, value in one.items())


def _lasting(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in _STAMPS}


# numbers that may be others in each request: LiteLLM hands them on, or a hook lowers them
NUMBERS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "seed")


def numbers_of(data: Mapping[str, Any]) -> dict[str, int]:
    """Those of a request's body."""
    return {name: data[name] for name in NUMBERS if type(data.get(name)) is int}


def as_said(numbers: Mapping[str, int], kwargs: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Limits that LiteLLM's call has as the client said, and numbers that it has otherwise."""
    others = {name: value for name, value in numbers.items() if kwargs.get(name) != value}
    return {name: value for name, value in numbers.items() if name not in others and name != "seed"}, others


def shape_of(scope: Mapping[str, Any], data: Mapping[str, Any], protocol: Protocol) -> object:
    """What is the same in requests of one shape, as a key: True, 1 and 1.0 differ in it."""
    headers = tuple(item for item in scope["headers"] if item[0] != b"content-length")
    numbers = numbers_of(data)
    rest = {name: value for name, value in data.items() if name not in protocol.content and name not in numbers}
    return scope["path"], scope["query_string"], (scope["client"] or ("",))[0], headers, tuple(numbers), marshal.dumps(rest, 0)


def own_arguments(data: Mapping[str, Any], protocol: Protocol) -> dict[str, Any]:
    """What may differ in requests of one shape, as arguments of LiteLLM's call."""
    return {**{name: data[name] for name in protocol.content if name in data}, **numbers_of(data)}


class Precedents:
    """All shapes of one worker. `cached` gives what LiteLLM's cache has under a name now; the clocks give seconds."""

    def __init__(
        self, cached: Callable[[str], Any], clock: Callable[[], float] = time.monotonic, date: Callable[[], float] = time.time
    ) -> None:
        self._cached, self._clock, self._date = cached, clock, date
        self._shapes: OrderedDict[object, Shape] = OrderedDict()

    def find(self, shape: object) -> Shape | None:
        """What is known of a shape, if requests of it would be authorized as they were."""
        found = self._shapes.get(shape)
        if found is None or self._date() >= found.expires:
            return None
        for name, value in found.read.items():
            now = self._cached(name)
            if now is not value:
                if not same_entry(now, value):
                    return None
                found.read[name] = now
        self._shapes.move_to_end(shape)
        return found

    def holding(self, shape: Shape, deployment: str, data: Mapping[str, Any]) -> Precedent | None:
        """The precedent to follow; None where there is none, or where LiteLLM shall decide about this one."""
        now = self._clock()
        for found in shape.precedents.values():
            if found.deployment_id == deployment and found.holds and found.covers(data):
                if now >= found.until or found.record.day != today():
                    return None
                if now < found.due or found.followed < RENEWED_REQUESTS:
                    found.followed += 1
                    return found
                found.due, found.followed = now + RENEWED_SECONDS, 0
                return None
        return None

    def earlier(self, shape: object, precedent: Precedent) -> Precedent | None:
        """What is known of such a request, whether it holds or not."""
        found = self._shapes.get(shape)
        return found.precedents.get(precedent.kind) if found else None

    def renew(self, shape: Shape, deployment: str, numbers: Mapping[str, int]) -> None:
        """A request has been authorized, and sent to the engine, as the one was that the precedent is made of."""
        for found in shape.precedents.values():
            if found.deployment_id == deployment and found.covers(numbers):
                self._keep(found)

    def _keep(self, precedent: Precedent) -> None:
        precedent.due, precedent.until = self._clock() + RENEWED_SECONDS, self._clock() + KEPT_SECONDS
        precedent.followed = 0

    def learn(self, shape: object, read: dict[str, Any], expires: float, precedent: Precedent) -> None:
        """A request has come out as `precedent`."""
        known = self._shapes.setdefault(shape, Shape(read, expires))
        known.read, known.expires = read, expires
        if len(known.precedents) >= _MOST_EACH:
            known.precedents.clear()
        known.precedents[precedent.kind] = precedent
        self._keep(precedent)
        self._shapes.move_to_end(shape)
        while len(self._shapes) > _MOST:
            self._shapes.popitem(last=False)

    def forget(self, shape: object) -> None:
        self._shapes.pop(shape, None)


def today() -> str:
    """The day in UTC, as LiteLLM has it in the keys of its daily sums."""
    return datetime.now(UTC).date().isoformat()


def expiry(key: Any) -> float:
    """When a key expires, in seconds since 1970. Raises ValueError."""
    if not key.expires:
        return float("inf")
    moment = key.expires if isinstance(key.expires, datetime) else datetime.fromisoformat(str(key.expires))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


# parts of names: what counts requests, or refuses or changes one for what came before it
_COUNTED = ("budget", "limit", "rpm", "tpm", "parallel", "blocked", "metadata", "guardrail", "polic", "rotat")


def counted(entry: Mapping[str, Any]) -> str:
    """The first thing of a key, user or team, as LiteLLM has it in its cache, by which requests are counted; empty: they are not."""
    return next((name for name, value in entry.items() if value and any(part in name for part in _COUNTED)), "")
