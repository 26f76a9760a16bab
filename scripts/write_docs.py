#!/usr/bin/env python3
"""Writes the tables of docs/models.md, docs/configuration.md and docs/clients.md that come from the code and the model files, and the JSON
Schema of model files.

Each table stands between two markers, `<!-- begin NAME -->` and `<!-- end NAME -->`; the rest of a page is left alone.
Run it with Slipway's own Python: .slipway/envs/launcher/bin/python scripts/write_docs.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from slipway import secrets  # noqa: E402
from slipway.clients import CLIENTS  # noqa: E402
from slipway.launchers.base import Access  # noqa: E402
from slipway.model_schema import SCHEMA_FILE, schema_text  # noqa: E402
from slipway.recipe import model_names, read_recipe  # noqa: E402
from slipway.settings import BY_RECIPE_KEY, DEFINITIONS, ENGINE_PREFIXES, Definition  # noqa: E402

PAGES = ("docs/models.md", "docs/configuration.md", "docs/clients.md")

# the stack that the snippets on the pages are for: the demo, as it runs without any setting
DEMO = Access("http://127.0.0.1:4000", secrets.Secret(secrets.DEFAULT_MASTER_KEY), "demo", context=32768, output=512)

_KINDS = {
    "text": "text",
    "name": "letters, digits, `-`, `_`",
    "integer": "whole number",
    "number": "number",
    "fraction": "number up to 1",
    "size": "size",
    "port": "port",
    "gpus": "a number, or ids",
    "gpu": "GPU or size",
    "mapping": "mapping",
}


def build_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a bar in a cell would end the cell."""
    lines = [head, ["---"] * len(head), *[[cell.replace("|", "\\|") for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _kind(definition: Definition) -> str:
    return ", ".join(map(_code, definition.choices)) if definition.choices else _KINDS[definition.kind]


def settings_table() -> str:
    """Every setting, in the order of slipway/settings.py."""
    rows = [
        (
            _code(item.name),
            _kind(item),
            _code(item.default) or "none",
            item.doc,
            _code(item.recipe_key and f"litellm.{item.recipe_key}") or _code(item.flag),
        )
        for item in DEFINITIONS
    ]
    return build_table(("setting", "value", "default", "meaning", "in a model file"), rows)


def sampling_table() -> str:
    """The keys of a model file's litellm section."""
    rows = [(_code(key), _kind(item), item.doc, _code(item.name), _code(item.default) or "none") for key, item in BY_RECIPE_KEY.items()]
    return build_table(("key", "value", "meaning", "setting", "its default"), rows)


def prefixes_list() -> str:
    """The prefixes of variables that go to the engine."""
    return ", ".join(map(_code, ENGINE_PREFIXES))


def secrets_table() -> str:
    """Every secret that is read."""
    return build_table(("secret", "what it is"), [(_code(name), doc) for name, doc in secrets.KNOWN.items()])


def models_table() -> str:
    """Every model file. Raises SystemExit where one has problems."""
    rows = []
    for name in model_names(ROOT / "models"):
        recipe, problems = read_recipe(ROOT / "models", name)
        if recipe is None:
            raise SystemExit("\n".join(map(str, problems)))
        variants = ", ".join(overlay.name for overlay in recipe.variants)
        profiles = ", ".join(profile.name for profile in recipe.profiles)
        rows.append((f"[{name}](../models/{name}.yml)", _code(recipe.command.model), recipe.description, variants, profiles))
    return build_table(("name", "model", "what it is", "variants", "profiles"), rows)


def snippet_block(name: str) -> str:
    """What `connect NAME` prints."""
    return f"```{CLIENTS[name].language}\n{CLIENTS[name].snippet(DEMO)}\n```"


def clients_table() -> str:
    """The tools that `connect` knows."""
    rows = [
        (_code(client.name), client.title, "yes" if client.changes else "", "yes" if client.start else "", _code(client.after))
        for client in CLIENTS.values()
    ]
    return build_table(("name", "tool", "`--write`", "`--run`", "then"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "sampling": sampling_table,
    "prefixes": prefixes_list,
    "secrets": secrets_table,
    "models": models_table,
    "clients": clients_table,
    **{f"snippet_{name.replace('-', '_')}": partial(snippet_block, name) for name in CLIENTS},
}


def fill_page(text: str) -> str:
    """The page with each marked part written again. Raises KeyError for a marker that names no table."""
    return re.sub(
        r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)",
        lambda match: f"{match[1]}{TABLES[match[2]]()}\n{match[3]}",
        text,
        flags=re.DOTALL,
    )


def main() -> int:
    """Write every page that has changed, and the schema."""
    for name in (*PAGES, f"models/{SCHEMA_FILE}"):
        path = ROOT / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = schema_text() if path.suffix == ".json" else fill_page(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
