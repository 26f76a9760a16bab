"""The benchmark's figures as a chart: one group of bars for each load, a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

_COLOURS = {"direct": "#9aa5b1", "stock": "#e0a458", "slipway": "#3b7ea1"}
_NAMES = {"direct": "the stub alone", "stock": "LiteLLM", "slipway": "Slipway's lane"}
_TITLES = {
    "paced": "streams of a token every 20 ms: events/s",
    "unpaced": "streams without a pause: events/s",
    "plain": "no streaming: requests/s",
}
_WIDTH, _PANEL, _BAR, _TOP = 900, 190, 26, 60


def draw_chart(rows: Sequence[dict[str, Any]]) -> str:
    """An SVG with a panel for each kind of load."""
    parts = [part for part in _TITLES if any(row["part"] == part for row in rows)]
    height = _TOP + _PANEL * len(parts) + 10
    body = [_legend()]
    for index, part in enumerate(parts):
        body.append(_panel([row for row in rows if row["part"] == part], part, _TOP + index * _PANEL))
    style = "text{font:13px sans-serif;fill:#24292f}.t{font-weight:bold}.n{font-size:11px}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">'
    return (
        "\n".join([head, f"<style>{style}</style>", f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>', *body, "</svg>"]) + "\n"
    )


def _legend() -> str:
    items = []
    for index, (target, colour) in enumerate(_COLOURS.items()):
        left = 20 + index * 170
        items.append(
            f'<rect x="{left}" y="18" width="14" height="14" fill="{colour}"/><text x="{left + 20}" y="30">{_NAMES[target]}</text>'
        )
    return "".join(items)


def _panel(rows: Sequence[dict[str, Any]], part: str, top: int) -> str:
    value = "requests" if part == "plain" else "events"
    most = max((row[value] for row in rows), default=1) or 1
    drawn = [f'<text class="t" x="20" y="{top + 14}">{_TITLES[part]}</text>']
    counts = sorted({row["streams"] for row in rows})
    for column, count in enumerate(counts):
        left = 20 + column * 215
        drawn.append(f'<text x="{left}" y="{top + _PANEL - 18}">{count} stream{"s" if count > 1 else ""}</text>')
        for place, target in enumerate(_COLOURS):
            found = next((row[value] for row in rows if row["streams"] == count and row["target"] == target), 0)
            tall = 105 * math.log10(found + 1) / math.log10(most + 1)
            x, y = left + place * (_BAR + 36), top + _PANEL - 36 - tall
            drawn.append(f'<rect x="{x}" y="{y:.1f}" width="{_BAR}" height="{tall:.1f}" fill="{_COLOURS[target]}"/>')
            drawn.append(f'<text class="n" x="{x}" y="{y - 4:.1f}">{found:,.0f}</text>')
    return "\n".join(drawn)
