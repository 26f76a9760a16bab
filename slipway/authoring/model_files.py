"""The small files of a model: in a folder, in Hugging Face's cache, or on a hub. Weights are never read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from slipway.authoring.fetch import NotFoundError, fetch
from slipway.errors import SlipwayError, UsageError
from slipway.fit.facts import find_snapshot
from slipway.secrets import Secret

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


class Files(Protocol):
    """Where a model's files are; `name` is how people write the place."""

    @property
    def name(self) -> str: ...

    def read(self, file: str) -> bytes | None:
        """A file's content; None where there is no such file. Raises SlipwayError."""


@dataclass(frozen=True)
class Folder:
    """A folder on this machine."""

    name: str
    path: Path

    def read(self, file: str) -> bytes | None:
        try:
            return (self.path / file).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SlipwayError(f"{self.path / file} cannot be read: {error.strerror}") from None


@dataclass(frozen=True)
class Hub:
    """A repository of a hub with the layout of huggingface.co. The token goes to `endpoint` alone, not where that redirects to."""

    endpoint: str
    model: str
    token: Secret | None = None

    @property
    def name(self) -> str:
        return f"{self.endpoint}/{self.model}"

    def read(self, file: str, start: int = 0, length: int = 0) -> bytes | None:
        """`length` bytes from `start` on, or all for 0."""
        try:
            return fetch(f"{self.endpoint}/{self.model}/resolve/main/{file}", token=self.token, start=start, length=length)
        except NotFoundError:
            return None


def open_hub(model: str, environ: Mapping[str, str], token: Secret | None) -> Hub:
    """The hub that HF_ENDPOINT names, else huggingface.co."""
    return Hub(environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/"), model, token)


def find_files(model: str, environ: Mapping[str, str], token: Secret | None) -> Files:
    """The folder that `model` names, else its newest snapshot in the cache, else the hub. Raises UsageError where it names neither."""
    folder = Path(model)
    if folder.is_dir():
        return Folder(model, folder)
    if not _ID.fullmatch(model):
        raise UsageError(f"{model!r} is neither a folder nor an id on the hub", hint="an id is ORGANIZATION/NAME, such as Qwen/Qwen3-8B")
    snapshot = find_snapshot(model, environ)
    return Folder(str(snapshot), snapshot) if snapshot else open_hub(model, environ, token)


def read_json(files: Files, file: str) -> dict[str, Any] | None:
    """A file that holds a JSON object; None where there is none. Raises SlipwayError for anything else in it."""
    data = files.read(file)
    if data is None:
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{files.name}: {file} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{files.name}: {file} holds no JSON object")
    return value


def read_template(files: Files, tokenizer: Mapping[str, Any]) -> str:
    """The chat template: a file of its own, or part of tokenizer_config.json, where it may also be a list by name."""
    data = files.read("chat_template.jinja")
    if data is not None:
        return data.decode(errors="replace")
    template = tokenizer.get("chat_template")
    if isinstance(template, list):
        named = {item.get("name"): item.get("template") for item in template if isinstance(item, dict)}
        template = "\n".join(str(text) for text in named.values())
    return template if isinstance(template, str) else ""
