"""Reads a text from a file or over HTTP(S), with a limit, and with words for every way in which that fails."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

from slipway.errors import SlipwayError, UsageError

_LIMIT = 32 << 20  # bytes: a tokenizer_config.json or a recipe is far smaller
_TIMEOUT = 30  # seconds without an answer


class NotFoundError(SlipwayError):
    """The server says that there is no such thing."""


def read_text(where: str) -> str:
    """The text of a file or of an http(s) address; a page of a file on GitHub stands for the file. Raises SlipwayError."""
    if re.match(r"https?://", where):
        return _decode(where, fetch(_raw_address(where)))
    path = Path(where)
    try:
        return _decode(where, path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"there is no file {where}") from None
    except OSError as error:
        raise UsageError(f"{where} cannot be read: {error.strerror}") from None


def fetch(url: str, headers: Mapping[str, str] | None = None) -> bytes:
    """The body of a GET. Raises NotFoundError for 404, SlipwayError for anything else that goes wrong.

    `headers` are for this address, and are not sent on where it redirects to.
    """
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "slipway"})
        for name, value in (headers or {}).items():
            request.add_unredirected_header(name, value)
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            data: bytes = response.read(_LIMIT + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            raise NotFoundError(f"{url} does not exist (404)") from None
        hint = "put a token that may read it into secrets/HF_TOKEN, and accept the model's licence" if error.code in (401, 403) else ""
        raise SlipwayError(f"{url} answers {error.code} {error.reason}", hint=hint) from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise SlipwayError(f"{url} cannot be read: {reason}", hint="is this machine on a network that reaches it?") from None
    if len(data) > _LIMIT:
        raise SlipwayError(f"{url} is larger than {_LIMIT >> 20} MiB: that is not what is looked for")
    return data


def _decode(where: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{where} is not UTF-8 text") from None


def _raw_address(url: str) -> str:
    page = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)/blob/(.+)", url)
    return f"https://raw.githubusercontent.com/{page[1]}/{page[2]}" if page else url
