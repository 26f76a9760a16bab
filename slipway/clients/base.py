"""What there is to know about one tool: what to paste, what to put into its configuration, how to start it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.launchers.base import Access
from slipway.recipe import AGENT_ROUTE

Environ = Mapping[str, str]

# A place in a configuration file: keys from the outside in. A pair (key, value) is the entry of a list that holds it.
Place = tuple["str | tuple[str, str]", ...]


@dataclass(frozen=True)
class FileChange:
    """Values for places in one file: JSON with or without comments, YAML or TOML, as its name says."""

    path: Path
    values: Mapping[Place, Any]
    empty: str = ""  # what a file that is not there yet begins with


@dataclass(frozen=True)
class Start:
    """How to start a tool without touching its configuration; `env` is added to the caller's, `file` is written before."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    file: FileChange | None = None


@dataclass(frozen=True)
class Client:
    """One tool. `program` is the executable that shows that it is installed; empty: nothing to install."""

    name: str
    title: str
    program: str
    install: str
    snippet: Callable[[Access], str]
    changes: Callable[[Access, Environ], tuple[FileChange, ...]] | None = None
    start: Callable[[Access, Path], Start] | None = None  # the path is a folder for its file
    tells_images: bool = False  # its settings say whether the model reads images
    language: str = "sh"  # of the snippet
    after: str = ""  # what to do once the configuration is written


def home(environ: Environ) -> Path:
    return Path(environ.get("HOME") or Path.home())


def config_home(environ: Environ) -> Path:
    """The folder for configuration on Linux (XDG Base Directory Specification)."""
    return Path(environ.get("XDG_CONFIG_HOME") or home(environ) / ".config")


def exports(variables: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def model_label(access: Access) -> str:
    """What a model picker shows."""
    return f"{access.model} (Slipway)"


__all__ = ["AGENT_ROUTE", "Access", "Client", "Environ", "FileChange", "Place", "Start", "config_home", "exports", "home", "model_label"]
