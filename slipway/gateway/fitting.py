"""Makes a client's request one that the engine takes, and takes quickly. Pure.

- vLLM lowers a longest answer that does not fit behind the prompt, but refuses one beyond the whole context. Claude Code
  asks for up to 128,000 tokens, and a model file's own default may be beyond what a small machine's context holds.
- Claude Code starts its system prompt with a line about itself that differs between versions and sessions. With it no two
  sessions share a prefix in the engine's cache.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

# what each kind of LiteLLM's calls names the longest answer; the first that the client has set counts, else the last is set
ANSWER_NAMES = {
    "acompletion": ("max_completion_tokens", "max_tokens"),
    "atext_completion": ("max_tokens",),
    "anthropic_messages": ("max_tokens",),
    "aresponses": ("max_output_tokens",),
}
_ATTRIBUTION = "x-anthropic-billing-header:"


@dataclass(frozen=True)
class Lengths:
    """In tokens: what prompt and answer may have together, and the longest answer of a client that does not say; 0: unknown."""

    context: int
    default: int


def lower_longest_answer(data: MutableMapping[str, Any], names: tuple[str, ...], lengths: Lengths) -> None:
    """Bring the longest answer down to the context; the engine lowers it further, to what the prompt leaves."""
    name = next((name for name in names if data.get(name) is not None), names[-1])
    wanted = data.get(name, lengths.default)
    if lengths.context and isinstance(wanted, int) and wanted > lengths.context:
        data[name] = lengths.context


def drop_attribution(data: MutableMapping[str, Any]) -> None:
    system = data.get("system")
    if isinstance(system, list):
        data["system"] = [block for block in system if not (isinstance(block, dict) and str(block.get("text")).startswith(_ATTRIBUTION))]
