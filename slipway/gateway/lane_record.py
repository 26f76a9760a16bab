"""Runs inside LiteLLM: what LiteLLM has written down of one request, and the same for a request that differs only in what happened.

LiteLLM takes two milliseconds to make a spend row and to add it to each of its daily sums. Of two requests that are alike, these
differ in nothing but ids, times and tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

# in the metadata of a row: text that is put in for what differs, to find its place
_MARK = "\0slipway:{}\0"
_OVERHEAD = "litellm_overhead_time_ms"
_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")


@dataclass(frozen=True)
class Facts:
    """What happened: ids, moments (naive, local, as LiteLLM has them), the engine's usage as LiteLLM dumps it, LiteLLM's own time in
    milliseconds where it notes that."""

    call_id: str
    answer_id: str
    session_id: str
    started: datetime
    first_token: datetime
    ended: datetime
    usage: Mapping[str, Any]
    overhead: float | None = None

    @property
    def milliseconds(self) -> int:
        return int((self.ended - self.started).total_seconds() * 1000)


class Row(dict[str, Any]):
    """A spend row made after one from which LiteLLM has left out already what its configuration excludes."""


@dataclass
class Record:
    """One request's spend row, and what it has added to LiteLLM's queues: pairs of a queue and an update, in order; a queue of None is
    that of the sums for each model."""

    row: dict[str, Any] = field(default_factory=dict)
    updates: list[tuple[Any, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pieces: list[str] = []

    @property
    def day(self) -> str:
        """In UTC; the daily sums have it in their keys."""
        return str(self.row["startTime"])[:10]

    def rewritten(self, facts: Facts) -> Record:
        """The same for a request with other facts."""
        usage = dict(facts.usage)
        tokens = {name: usage.get(name) or 0 for name in _TOKENS}
        row = Row(
            self.row,
            **tokens,
            request_id=facts.answer_id,
            litellm_call_id=facts.call_id,
            session_id=facts.session_id,
            startTime=_utc(facts.started).isoformat(),
            endTime=_utc(facts.ended).isoformat(),
            completionStartTime=_utc(facts.first_token),
            request_duration_ms=facts.milliseconds,
            metadata=self._metadata(facts, usage),
        )
        sums = {
            "prompt_tokens": tokens["prompt_tokens"],
            "completion_tokens": tokens["completion_tokens"],
            "total_response_time_ms": facts.milliseconds,
            "request_id": facts.answer_id,
            **_cached(usage),
        }
        return Record(row, [(queue, _update(update, sums)) for queue, update in self.updates])

    def _metadata(self, facts: Facts, usage: dict[str, Any]) -> str:
        """The row's metadata, a JSON text of some 1,500 letters, of which four places differ."""
        if not self._pieces:
            self._pieces = _cut(self.row["metadata"], self.row["litellm_call_id"])
        found = {
            "call_id": json.dumps(facts.call_id),
            "usage": json.dumps(usage),
            "more": json.dumps(_more(usage)),
            "overhead": json.dumps(facts.overhead),
        }
        return "".join(found.get(piece, piece) for piece in self._pieces)


def _cut(text: str, call_id: str) -> list[str]:
    """A row's metadata in pieces: text that stays, and names of what differs."""
    metadata = json.loads(text)
    marks = {name: _MARK.format(name) for name in ("call_id", "usage", "more", "overhead")}
    marked = {
        **metadata,
        "usage_object": marks["usage"],
        "additional_usage_values": marks["more"],
        **({"litellm_call_id": marks["call_id"]} if metadata.get("litellm_call_id") == call_id else {}),
        **({_OVERHEAD: marks["overhead"]} if metadata.get(_OVERHEAD) is not None else {}),
    }
    left, pieces = json.dumps(marked), []
    for mark in sorted(marks.values(), key=lambda mark: left.find(json.dumps(mark))):
        before, found, after = left.partition(json.dumps(mark))
        if found:
            pieces += [before, mark.strip("\0").removeprefix("slipway:")]
            left = after
    return [*pieces, left]


def _more(usage: dict[str, Any]) -> dict[str, Any]:
    """get_logging_payload: what of a usage is beside the three sums, cached tokens by the name that LiteLLM reads them by."""
    more = {name: value for name, value in usage.items() if name not in _TOKENS}
    details = more.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    if "cache_read_input_tokens" not in more and isinstance(cached, int) and cached > 0:
        more["cache_read_input_tokens"] = cached
    return more


def _update(update: Any, sums: dict[str, Any]) -> Any:
    if isinstance(update, Mapping):
        if "entity_type" in update or "tool_name" in update:
            return dict(update)
        return {key: {**sum, **{name: sums[name] for name in sums.keys() & sum.keys()}} for key, sum in update.items()}
    return replace(update, prompt_tokens=sums["prompt_tokens"], completion_tokens=sums["completion_tokens"])


def _cached(usage: dict[str, Any]) -> dict[str, int]:
    read, written = _extractors()
    return {"cache_read_input_tokens": read(usage), "cache_creation_input_tokens": written(usage)}


@cache
def _extractors() -> tuple[Any, Any]:
    from litellm.proxy.spend_tracking.savings import extract_cache_creation_tokens, extract_cache_read_tokens

    return extract_cache_read_tokens, extract_cache_creation_tokens


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
