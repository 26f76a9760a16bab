"""Reads a text from a file or over HTTP(S), with a limit, and with words for every way in which that fails."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from slipway.errors import SlipwayError, UsageError
from slipway.secrets import Secret

_LIMIT = 200 << 20  # bytes: the header of a safetensors file may have 100 MB
_TIMEOUT = 30  # seconds without an answer


_FORBIDDEN = "put a token that may read it into secrets/HF_TOKEN, and accept the model's licence"


class NotFoundError(SlipwayError):
    """The server says that there is no such thing."""


class ForbiddenError(SlipwayError):
    """The server wants another token, or one at all."""


class UnreachableError(SlipwayError):
    """No server answers there."""


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


def fetch(url: str, *, token: Secret | None = None, start: int = 0, length: int = 0) -> bytes:
    """The body of a GET; `length` bytes of it from `start` on, or all for 0.

    `token` is for this address, and is not sent on where it redirects to, as hubs do for large files.
    Raises NotFoundError for 404, ForbiddenError for 401 and 403, UnreachableError, SlipwayError for anything else that goes wrong.
    """
    try:
        part = {"Range": f"bytes={start}-{start + length - 1}"} if length else {}
        request = urllib.request.Request(url, headers={"User-Agent": "slipway", **part})
        if token:
            request.add_unredirected_header("Authorization", f"Bearer {token.reveal()}")
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            if start and response.status != 206:
                raise SlipwayError(f"{url}: the server does not give parts of files")
            data: bytes = response.read(length or _LIMIT + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            raise NotFoundError(f"{url} does not exist (404)") from None
        if error.code in (401, 403):
            raise ForbiddenError(f"{url} answers {error.code} {error.reason}", hint=_FORBIDDEN) from None
        raise SlipwayError(f"{url} answers {error.code} {error.reason}") from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise UnreachableError(f"{url} cannot be read: {reason}", hint="is this machine on a network that reaches it?") from None
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
