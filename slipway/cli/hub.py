"""Reads small files of a model's repository on the Hugging Face hub; never weights."""

from __future__ import annotations

from slipway.authoring import model_files
from slipway.authoring.fetch import ForbiddenError, UnreachableError
from slipway.cli.context import App
from slipway.errors import FactsError
from slipway.fit.hub import Fetch
from slipway.secrets import read_secrets


def open_hub(model: str, app: App) -> Fetch:
    """HF_ENDPOINT names another hub, the secret HF_TOKEN opens gated models. The result raises FactsError for an unreachable hub."""
    hub = model_files.open_hub(model, app.hub_environ, read_secrets(app.root / "secrets", app.environ).get("HF_TOKEN"))

    def fetch(path: str, start: int = 0, length: int = 0) -> bytes | None:
        try:
            return hub.read(path, start, length)
        except ForbiddenError:
            return None
        except UnreachableError as error:
            raise FactsError(
                f"nothing is known of {model} on this machine, and {hub.endpoint} cannot be reached: {error.message}",
                hint="put its config.json into a folder and name that, or add it to models/facts/",
            ) from None

    return fetch
