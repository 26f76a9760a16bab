"""Stops a local stack, whatever state it is in, and leaves nothing on the tmpfs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.errors import StackError
from slipway.launchers.leftovers import end_leftovers
from slipway.launchers.supervisor import Supervisor
from slipway.paths import Paths


def stop_stack(paths: Paths, supervisor: Supervisor) -> bool:
    """Stop every part, and leave nothing on the tmpfs."""
    ran = supervisor.alive()
    if ran:
        supervisor.shutdown()
    run = paths.run
    ran = end_leftovers(run.glob("*.pid")) > 0 or ran
    for generated in _generated_files(read_state(paths.run)):
        generated.unlink(missing_ok=True)
    if run.exists():
        if run.stat().st_uid != os.getuid():
            raise StackError(f"{run} belongs to another user", hint="remove it, or choose another STACK_NAME")
        shutil.rmtree(run)
    return ran


def read_state(run: Path) -> dict[str, Any]:
    """What the running stack noted about itself; empty when none runs."""
    try:
        state = json.loads((run / "stack.json").read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _generated_files(state: Mapping[str, Any]) -> list[Path]:
    folder = Path(str(state.get("generated", "")))
    return [folder / name for name in ("models.yml", "config.yaml", "engine.sh")] if folder.is_absolute() else []
