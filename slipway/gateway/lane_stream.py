"""Runs inside LiteLLM: what happens to the bytes of a streamed answer between the engine's socket and the client's.

Nothing is parsed. The end of a read that is no end of an event waits for its rest, names are replaced in place where the engine
answers with others than the client expects, and the event with the usage is kept, and kept back where the client did not ask.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

END = b"\n\n"
_USAGE_ONLY = b'"choices":[]'
_ERROR = b'data: {"error":'
_MODEL = re.compile(rb'"model":"[^"\\]*"')


class Names:
    """What the engine calls by another name than the client does.

    vLLM answers with the first of its served names, whatever name it was asked by, and says `reasoning` where LiteLLM's clients
    read `reasoning_content`. Quotes within a JSON string are escaped, so the bytes `"model":"x"` are never part of a text.
    """

    def __init__(self, model: str, others: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.model = model
        self.wanted = _named(model)
        self._others = others

    def replacements(self, start: bytes) -> tuple[tuple[bytes, bytes], ...]:
        """Pairs of bytes for `bytes.replace`, given the start of an answer, which names the model."""
        found = _MODEL.search(start)
        return ((found[0], self.wanted), *self._others) if found and found[0] != self.wanted else self._others

    def apply(self, body: bytes) -> bytes:
        """A whole answer with the client's names."""
        for old, new in self.replacements(body):
            body = body.replace(old, new)
        return body


@lru_cache(maxsize=1000)
def _named(model: str) -> bytes:
    return b'"model":%b' % json.dumps(model).encode()


class EventStream:
    """One answer's events: `feed` gives what the client gets of each read. What is in an event is the protocol's, in `look`."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._replacements: tuple[tuple[bytes, bytes], ...] = ()
        self._rest = b""
        self.first = self.usage = self.last = self.failed = b""
        self.events = 0

    def feed(self, data: bytes) -> bytes:
        """What to send on after this read; may be empty while an event is incomplete."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        if not data.endswith(END):
            cut = data.rfind(END) + 2
            if cut == 1:
                self._rest = data
                return b""
            data, self._rest = data[:cut], data[cut:]
        if not self.first:
            self.first = data[: data.find(END)]
            self._replacements = self.names.replacements(self.first)
        self.events += data.count(END)
        return self.look(data)

    def look(self, data: bytes) -> bytes:
        """Note what whole events say of the end; gives them as the client gets them."""
        raise NotImplementedError

    def rename(self, data: bytes) -> bytes:
        for old, new in self._replacements:
            data = data.replace(old, new)
        return data

    def end(self) -> bytes:
        """What is left when the engine has closed the answer."""
        data, self._rest = self._rest, b""
        return data

    def body(self, event: bytes) -> dict[str, Any]:
        """The JSON of one event; empty where it has none."""
        start = event.find(b"data: {")
        try:
            found = json.loads(event[start + 6 :].partition(END)[0]) if start >= 0 else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def found_usage(self) -> dict[str, Any]:
        """The usage that the engine reported at the end; empty where it did not come to that."""
        usage = self.body(self.usage).get("usage")
        return usage if isinstance(usage, dict) else {}

    def prompt_tokens(self) -> int | None:
        """Of an answer that has not come to its end, where the engine said it at the start."""
        return None

    def tokens(self) -> int:
        """How many tokens came, as far as events tell."""
        return self.events

    def failure(self) -> str:
        """The engine's word about why it failed."""
        return str((self.body(self.failed).get("error") or {}).get("message"))

    def finish_reason(self) -> str | None:
        return None


class ChoiceStream(EventStream):
    """Chat completions, and text completions, whose first event is text already: `roles` is 0."""

    def __init__(self, names: Names, wants_usage: bool, roles: int = 1) -> None:
        super().__init__(names)
        self._wants_usage, self._roles = wants_usage, roles

    def look(self, data: bytes) -> bytes:
        if b'"finish_reason":"' in data:
            self.last = data
        if _ERROR in data:
            self.failed = data[data.find(_ERROR) :].partition(END)[0]
        if _USAGE_ONLY in data:
            data = self._take_usage(data)
        return self.rename(data)

    def _take_usage(self, data: bytes) -> bytes:
        place = data.find(_USAGE_ONLY)
        before, end, _ = data[:place].rpartition(END)
        before, after = before + end, data[data.find(END, place) + len(END) :]
        self.usage = data[len(before) : len(data) - len(after)]
        return data if self._wants_usage else before + after

    def tokens(self) -> int:
        return max(self.events - self._roles, 0)

    def finish_reason(self) -> str | None:
        return self.last.rpartition(b'"finish_reason":"')[2].partition(b'"')[0].decode() or None
