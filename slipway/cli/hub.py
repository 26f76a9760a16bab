"""Reads small files of a model's repository on the Hugging Face hub; never weights."""

from __future__ import annotations

import urllib.error
import urllib.request

from slipway.cli.context import App
from slipway.errors import FactsError
from slipway.fit.hub import Fetch
from slipway.secrets import read_secrets

_SECONDS = 15.0
_LARGEST = 200_000_000  # bytes; the header of a safetensors file is below this


def open_hub(model: str, app: App) -> Fetch:
    """HF_ENDPOINT names another hub, the secret HF_TOKEN opens gated models. The result raises FactsError for an unreachable hub."""
    endpoint = app.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    token = read_secrets(app.root / "secrets", app.environ).get("HF_TOKEN")

    def fetch(path: str, start: int = 0, length: int = 0) -> bytes | None:
        headers = {"User-Agent": "slipway"}
        if token:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        if length:
            headers["Range"] = f"bytes={start}-{start + length - 1}"
        request = urllib.request.Request(f"{endpoint}/{model}/resolve/main/{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                text: bytes = answer.read(min(length or _LARGEST, _LARGEST))
        except urllib.error.HTTPError as error:
            if error.code in (404, 401, 403):
                return None
            raise FactsError(f"{endpoint} answers {error.code} for {model}") from error
        except (OSError, ValueError) as error:
            raise FactsError(
                f"nothing is known of {model} on this machine, and {endpoint} cannot be reached: {getattr(error, 'reason', error)}",
                hint="put its config.json into a folder and name that, or add it to models/facts/",
            ) from error
        return text

    return fetch
