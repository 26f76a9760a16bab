"""Puts a draft into the library: checked like any other model file, and never over one that is there."""

from __future__ import annotations

import os
from pathlib import Path

from slipway.authoring.draft import Draft, draft_text
from slipway.errors import Problem, UsageError
from slipway.recipe import check_name, parse_recipe


def write_draft(draft: Draft, models: Path) -> tuple[Path, list[Problem]]:
    """Write models/NAME.yml; gives its path and what `check` will say of it. Raises UsageError for a name that is taken."""
    check_name(draft.name)
    path = models / f"{draft.name}.yml"
    text = draft_text(draft)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"models/{draft.name}.yml is there already", hint="give the new file another name: --name NAME") from None
    return path, parse_recipe(draft.name, f"models/{draft.name}.yml", text, models)[1]
