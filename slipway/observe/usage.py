"""Requests, errors, tokens and latency, read from the table where LiteLLM logs each request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from slipway.database.query import Fetch
from slipway.errors import UsageError
from slipway.gateway.warm import LAUNCH_USER

# What a row can be grouped by, as an SQL expression over LiteLLM_SpendLogs (s) and LiteLLM_VerificationToken (t).
_GROUPS = {
    "model": "COALESCE(NULLIF(s.model_group, ''), NULLIF(s.model, ''), '(none)')",
    "key": "COALESCE(t.key_alias, t.key_name, CASE WHEN s.api_key = '' THEN '(no key)' ELSE left(s.api_key, 12) END)",
    "day": """to_char(s."startTime", 'YYYY-MM-DD')""",
}
GROUPS = tuple(_GROUPS)

_QUERY = """
SELECT {group} AS name,
       count(*) AS requests,
       count(*) FILTER (WHERE s.status = 'failure') AS errors,
       COALESCE(sum(s.prompt_tokens), 0) AS prompt_tokens,
       COALESCE(sum(s.completion_tokens), 0) AS completion_tokens,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY {seconds}) AS median,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY {seconds}) AS p95
FROM "LiteLLM_SpendLogs" s LEFT JOIN "LiteLLM_VerificationToken" t ON t.token = s.api_key
WHERE s."startTime" >= (now() AT TIME ZONE 'utc') - interval '{since:d} seconds' AND COALESCE(s.end_user, '') <> '{launch}'
GROUP BY 1 ORDER BY {order}
"""
_SECONDS = """EXTRACT(EPOCH FROM s."endTime" - s."startTime")::float8"""

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class UsageRow:
    """One group; latencies are seconds from request to last byte, None where no request is counted."""

    name: str
    requests: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    median: float | None
    p95: float | None


def parse_since(text: str) -> timedelta:
    """30m, 12h, 7d or 2w. Raises UsageError."""
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if not match:
        raise UsageError(f"{text!r} is not a span of time", hint="write 30m, 12h, 7d or 2w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def read_usage(fetch: Fetch, *, by: str, since: timedelta) -> list[UsageRow]:
    """One row per model, key or day; the launch's own test request is left out. Raises DatabaseError."""
    order = "1 DESC" if by == "day" else "2 DESC, 1"
    span = int(since.total_seconds())
    return [
        UsageRow(**row) for row in fetch(_QUERY.format(group=_GROUPS[by], seconds=_SECONDS, order=order, since=span, launch=LAUNCH_USER))
    ]
