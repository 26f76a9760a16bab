"""A recipe of another project, whichever it is → a draft, and what the draft cannot say."""

from __future__ import annotations

from slipway.authoring.draft import Draft
from slipway.authoring.foreign import Dropped, Foreign
from slipway.authoring.sparkrun import draft_from_sparkrun
from slipway.authoring.vllm_recipe import draft_from_vllm_recipe
from slipway.errors import ConfigError, Problem
from slipway.yaml_document import read_document


def draft_from_recipe(path: str, text: str) -> tuple[Draft, tuple[Dropped, ...]]:
    """`path` is the file or address that messages and the draft's source name. Raises ConfigError where it is no recipe."""
    document = read_document(path, text)
    if document.problems:
        raise ConfigError(document.problems)
    foreign = Foreign(document)
    if isinstance(foreign.peek("model"), dict):
        draft, dropped = draft_from_vllm_recipe(foreign)
    elif {"command", "defaults", "runtime", "container"} & set(document.values):
        draft, dropped = draft_from_sparkrun(foreign)
    else:
        hint = "known are those of the vLLM recipes collection (meta, model, variants) and of sparkrun (model, runtime, defaults, command)"
        raise ConfigError([Problem(path, 1, "this is no recipe that Slipway can read", hint)])
    draft.source.insert(0, f"{path} (imported by `./runMe.sh import`; nothing in it has been tried here)")
    if not draft.litellm:
        draft.notes.append("The recipe gives no sampling values: those of vars.env hold. See the model's card for a litellm: section.")
    return draft, dropped
