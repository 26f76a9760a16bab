"""Whatever a person does to a valid file: a message with a line, or a valid result, and never anything else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from slipway.authoring.draft import draft_text
from slipway.authoring.recipes import draft_from_recipe
from slipway.configuration import Sources, configure
from slipway.engines import build_plan, check_plan
from slipway.errors import ConfigError, Problem
from slipway.hardware import Hardware
from slipway.layers import read_defaults
from slipway.plan import Site
from slipway.recipe import parse_recipe
from slipway.render import render_generated
from tests.unit.authoring.test_sparkrun import RECIPE as SPARKRUN
from tests.unit.authoring.test_vllm_recipe import RECIPE as VLLM
from tests.unit.test_recipe import FULL, GOOD

ROOT = Path(__file__).parents[2]
LIBRARY = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "models").glob("*.yml"))]
FILES = [GOOD, FULL, *LIBRARY]
SOURCES = Sources(ROOT / "models", (read_defaults(),), (), lambda wish: Hardware("cuda", 1))
SITE = Site("/slipway", "/generated", "/secrets")

# the same examples in every run, so that a red run means a change
bounded = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def launch(text: str) -> list[Problem]:
    """All that a launch does with a model file before anything starts; every form that the file can take."""
    recipe, problems = parse_recipe("m", "models/m.yml", text)
    if recipe is None:
        return problems
    assert problems == []
    for variant, hardware in recipe.editions():
        try:
            plan = build_plan(configure(SOURCES, recipe, variant, hardware), Hardware("cuda", 1), SITE)
        except ConfigError as error:
            problems += error.problems
            continue
        problems += check_plan(plan, "0.32.0", lambda name: "").errors
        rendered = render_generated(plan, SITE, ROOT / "templates")
        for file in rendered:
            if file.path.suffix in (".yml", ".yaml"):
                yaml.safe_load(file.text)
    return problems


def check_messages(problems: list[Problem], lines: int) -> None:
    for problem in problems:
        assert problem.path == "models/m.yml", problem
        assert 1 <= problem.line <= max(1, lines), problem
        # nothing that a terminal would obey
        assert problem.message and not re.search(r"[\x00-\x1f\x7f-\x9f]", problem.message), problem


def line_count(text: str) -> int:
    # YAML's own idea of a line
    return len(
        text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n").replace("\u2028", "\n").replace("\u2029", "\n").split("\n")
    )


@pytest.mark.parametrize("text", FILES, ids=range(len(FILES)))
def test_the_valid_files_are_valid(text: str) -> None:
    if "demo/chat_template.jinja" not in text and text not in (GOOD, FULL):
        assert launch(text) == []


SCRAPS = st.sampled_from(
    ["\n", " ", "  ", "\t", ":", "- ", "#", "'", '"', "{", "}", "[", "]", "&a ", "*a", "!!int ", "!!bool ", "!!timestamp ", "!!float ", "!!binary ", "!!set ", "!x ", "|", ">", "\\", "--", "=", "$HOME", "`x`", ",",
     "null", "true", "0x1F", "1e999", ".inf", ".nan", "2026-01-31", "<<: ", "\x00", "\x07", "\ufeff", "\u2028", "\x85", "é", "😀", "%YAML 9\n", "---\n",
     "...\n", "? ", "profiles:\n", "  flags: |\n", "base", "vllm serve", "..", "/", "HF_TOKEN: x\n", "9" * 400]
)  # fmt: skip


@st.composite
def mutated_text(draw: st.DrawFn, texts: list[str]) -> str:
    """A file with a few scraps put in, and pieces taken out, doubled or moved, anywhere."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 1, 1, 2, 5, 20, 100])))
        piece = text[start:end]
        action = draw(st.sampled_from(["insert", "delete", "double", "replace", "move"]))
        if action == "insert":
            text = text[:start] + draw(SCRAPS) + text[start:]
        elif action == "delete":
            text = text[:start] + text[end:]
        elif action == "double":
            text = text[:end] + piece + text[end:]
        elif action == "replace":
            text = text[:start] + draw(SCRAPS) + text[end:]
        else:
            rest = text[:start] + text[end:]
            place = draw(st.integers(0, len(rest)))
            text = rest[:place] + piece + rest[place:]
    return text


@bounded
@given(mutated_text(FILES))
def test_any_mutation_of_a_model_file_s_text_is_a_message_with_a_line_or_a_valid_file(text: str) -> None:
    check_messages(launch(text), line_count(text))


@bounded
@given(st.sampled_from(FILES), st.data())
def test_any_lines_of_a_model_file_swapped_dropped_or_indented_are_a_message_with_a_line_or_a_valid_file(
    text: str, data: st.DataObject
) -> None:
    lines = text.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 4))):
        assume(lines)
        index = data.draw(st.integers(0, len(lines) - 1))
        other = data.draw(st.integers(0, len(lines) - 1))
        action = data.draw(st.sampled_from(["drop", "swap", "double", "indent", "dedent"]))
        if action == "drop":
            del lines[index]
        elif action == "swap":
            lines[index], lines[other] = lines[other], lines[index]
        elif action == "double":
            lines.insert(other, lines[index])
        elif action == "indent":
            lines[index] = "  " + lines[index]
        else:
            lines[index] = lines[index].removeprefix("  ")
    check_messages(launch("".join(lines)), len(lines) + 1)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.dates()
    | st.sampled_from(["80GB", "128K", ">=0.24", "--x 1", "gb10", "base", "a/b", "", "1", "-1", "../x", "vllm serve a/b --port 1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.sampled_from(["flags", "env", "gb10", "top_k"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    if isinstance(value, dict):
        found += [place for key, inner in value.items() for place in places(inner, (*at, key))]
    if isinstance(value, list):
        found += [place for index, inner in enumerate(value) for place in places(inner, (*at, index))]
    return found


def change(document: Any, place: tuple[Any, ...], edit: Callable[[Any, Any], None]) -> None:
    for key in place[:-1]:
        document = document[key]
    edit(document, place[-1])


@st.composite
def mutated_structure(draw: st.DrawFn, texts: list[str]) -> str:
    """A file with some values replaced by values of any type, keys renamed, and entries dropped or added."""
    document = yaml.safe_load(draw(st.sampled_from(texts)))
    for _ in range(draw(st.integers(1, 3))):
        known = places(document)
        assume(known)
        place = draw(st.sampled_from(known))
        action = draw(st.sampled_from(["replace", "drop", "rename", "add"]))
        value = draw(VALUES)
        name = draw(st.text(max_size=8) | st.sampled_from(["command", "env", "requires", "profiles", "x"]))

        def edit(parent: Any, key: Any, action: str = action, value: object = value, name: str = name) -> None:
            if action == "drop":
                del parent[key]
            elif action == "rename" and isinstance(parent, dict):
                parent[name] = parent.pop(key)
            elif action == "add" and isinstance(parent, dict):
                parent[name] = value
            else:
                parent[key] = value

        change(document, place, edit)
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=draw(st.booleans())))


@bounded
@given(mutated_structure(FILES))
def test_any_change_of_a_model_file_s_structure_is_a_message_with_a_line_or_a_valid_file(text: str) -> None:
    check_messages(launch(text), line_count(text))


@bounded
@given(mutated_text([VLLM, SPARKRUN]) | mutated_structure([VLLM, SPARKRUN]))
def test_any_mutation_of_another_project_s_recipe_is_a_message_with_a_line_or_a_model_file_that_check_can_read(text: str) -> None:
    try:
        draft, dropped = draft_from_recipe("x.yaml", text)
    except ConfigError as error:
        assert all(problem.path == "x.yaml" and problem.line >= 1 for problem in error.problems)
        return
    assert all(item.line >= 1 and item.why for item in dropped)
    written = draft_text(draft)
    check_messages(parse_recipe("m", "models/m.yml", written)[1], line_count(written))
