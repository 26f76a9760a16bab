"""Runs inside LiteLLM: what an engine that does not answer is doing, as far as the launcher's run folder tells.

| phase | sign |
|---|---|
| switching | the process that the file `switching` names is alive: an `up` that puts another model in the place of a running one |
| starting | the process that engine.pid names is alive |
| down | it is not: stopped, or about to be started again |
| "" | there is no run folder to look at: in a container, the engine's processes are elsewhere |
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "SLIPWAY_RUN_FOLDER"

_SAYINGS = {
    "switching": "The engine is switching to another model.",
    "starting": "The engine is starting: it loads the model.",
    "down": "The engine is down: it has been stopped, or will be started again in a moment.",
    "": "The engine is not answering: it is starting, being restarted, or stopped.",
}
_NEXT = "Try again in a few seconds; `./runMe.sh status` and `./runMe.sh logs engine` say what it is doing."


def read_phase(folder: str) -> str:
    """The phase of an engine that takes no connections; `folder` is empty where there is none."""
    if not folder:
        return ""
    run = Path(folder)
    if _lives(run / "switching"):
        return "switching"
    return "starting" if _lives(run / "engine.pid") else "down"


def _lives(pid_file: Path) -> bool:
    """Whether the process that the file names is there; one that was killed leaves its file behind."""
    try:
        os.kill(int(pid_file.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def away_text(phase: str) -> str:
    """What a client is told."""
    return f"{_SAYINGS[phase]} {_NEXT}"
