"""Changes single values in TOML text, and leaves every other line as it is."""

from __future__ import annotations

import json
import re
from typing import Any

_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_VALUE = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^#"'\n])*"""  # up to a comment


def set_value(text: str, place: tuple[str | tuple[str, str], ...], value: Any) -> str:
    """`text` with `value` at `place`: (table…, key), or (key,) for the top.

    A table in another form, such as an inline one, is not seen: whoever calls this reads the result and compares.
    """
    *table, key = map(str, place)
    if not table:
        return _set_in(text, 0, key, value)
    name = ".".join(table)
    head = re.search(rf"^[ \t]*\[[ \t]*{re.escape(name)}[ \t]*\].*\n?", text, re.MULTILINE)
    if not head:
        return f"{_with_end(text)}\n[{name}]\n{_line(key, value)}\n"
    return _set_in(text, head.end(), key, value)


def _set_in(text: str, start: int, key: str, value: Any) -> str:
    """In the table whose lines begin at `start`: its end is the next table."""
    following = _TABLE.search(text, start)
    end = following.start() if following else len(text)
    return _with_end(text[:start]) + _set_line(text[start:end], key, value) + text[end:]


def _line(key: str, value: Any) -> str:
    """A JSON string or number is one of TOML's, but for the escapes of characters beyond the first 65,536."""
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"


def _set_line(part: str, key: str, value: Any) -> str:
    line = _line(key, value)
    found = re.search(rf"^[ \t]*{re.escape(key)}[ \t]*={_VALUE}", part, re.MULTILINE)
    if found:
        blank = len(found[0]) - len(found[0].rstrip())
        return part[: found.start()] + line + part[found.end() - blank :]
    above = part.rstrip()
    below = part[len(above) :]
    return _with_end(above) + line + "\n" + (below.removeprefix("\n") if above else below)


def _with_end(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
