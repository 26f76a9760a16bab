"""Any model file that `check` accepts renders, and vLLM's own parser reads the rendered command as the values that were meant."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from slipway.configuration import Sources, choose_variant, configure
from slipway.engines import build_plan, check_plan
from slipway.engines.schema import load_schema
from slipway.errors import ConfigError
from slipway.hardware import Hardware
from slipway.layers import read_defaults, read_overrides
from slipway.plan import Site
from slipway.recipe import parse_recipe
from slipway.render import render_generated

from .conftest import ROOT, AskEngine

VERSION = "0.32.0"
SCHEMA = load_schema(VERSION)
SITE = Site("/slipway", "/generated", "/secrets")
GPU = Hardware("cuda", 1)

# Slipway's own, those that hide the engine or stop the parser, those that name files, and the one that is a setting too
NOT_DRAWN = {
    "--host", "--port", "--served-model-name", "--api-key", "--uds", "--ssl-keyfile", "--ssl-certfile", "--ssl-ca-certs", "--root-path",
    "--headless", "--config", "--help", "--model", "--model-tag", "--chat-template", "--tool-parser-plugin", "--reasoning-parser-plugin",
    "--gpu-memory-utilization", "--version", "--middleware",
    # their values get a new random id each time they are parsed
    "--kv-transfer-config", "--ec-transfer-config",
}  # fmt: skip

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12).filter(str.strip)
JSON = st.dictionaries(
    st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=6),
    st.recursive(st.booleans() | st.integers(-9, 9) | WORDS, lambda inner: st.lists(inner, max_size=2), max_leaves=3),
    max_size=3,
)


@dataclass(frozen=True)
class Drawn:
    """One flag with its values, as it is meant."""

    name: str
    values: tuple[str, ...]
    equals: bool = False

    @property
    def words(self) -> list[str]:
        return [f"{self.name}={self.values[0]}"] if self.equals else [self.name, *self.values]


def value(kind: Any) -> st.SearchStrategy[str] | None:
    """A value of one of the schema's types, as the word on the command line."""
    plain: dict[str, st.SearchStrategy[str]] = {
        "integer": st.integers(-3, 10**6).map(str),
        "number": st.floats(0, 1000, allow_nan=False).map(repr),
        "text": WORDS,
        "size": st.sampled_from(["1", "4096", "8k", "1K", "25.6k", "2M"]),
        "json": JSON.map(json.dumps),
        "map": JSON.map(json.dumps),
    }
    if isinstance(kind, str):
        return plain.get(kind)
    if "choices" in kind:
        return st.sampled_from([str(choice) for choice in kind["choices"]])
    fields = SCHEMA.configs.get(kind.get("config", ""), {})
    simple = {name: st.booleans() for name, kinds in fields.items() if kinds == ["boolean"]}
    return st.fixed_dictionaries({}, optional=simple).map(json.dumps) if simple else None


@st.composite
def drawn_flag(draw: st.DrawFn, name: str) -> Drawn:
    flag = SCHEMA.flags[name]
    spellings = [word for word in (name, *flag.get("also", ())) if not word.startswith("--no-") or flag["type"] == ["switch"]]
    spelling = draw(st.sampled_from(spellings))
    if spelling.startswith("--") and not spelling.startswith("--no-") and draw(st.booleans()):
        spelling = "--" + spelling[2:].replace("-", "_")
    if flag["type"] == ["switch"]:
        return Drawn(spelling, ())
    found = [strategy for strategy in map(value, flag["type"]) if strategy is not None]
    assume(found)
    values = draw(st.lists(st.one_of(found), min_size=1, max_size=3 if flag.get("nargs") == "+" else 1))
    equals = len(values) == 1 and spelling.startswith("--") and (values[0].startswith("-") or draw(st.booleans()))
    assume(equals or not any(word.startswith("-") for word in values))
    return Drawn(spelling, tuple(values), equals)


NAMES = st.lists(st.sampled_from(sorted(set(SCHEMA.flags) - NOT_DRAWN)), unique=True, max_size=5)


@st.composite
def drawn_flags(draw: st.DrawFn) -> dict[str, Drawn]:
    return {name: draw(drawn_flag(name)) for name in draw(NAMES)}


@st.composite
def shell_text(draw: st.DrawFn, words: list[str], indent: str) -> str:
    """The words as people write them: quoted or not, on lines with and without a backslash, with comments between."""
    text = indent
    for index, word in enumerate(words):
        doubled = not re.search(r'[\\"$`]', word)
        text += draw(st.sampled_from([shlex.quote(word), *([f'"{word}"'] if doubled else [])]))
        if index < len(words) - 1:
            text += draw(st.sampled_from([" ", "  ", " \\\n" + indent, "\n" + indent, " # it's a comment\n" + indent]))
    return text


@dataclass(frozen=True)
class Case:
    text: str
    overrides: tuple[str, ...]
    variant: str
    meant: dict[str, Drawn]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A model file with a variant, and what is meant by it: the command's flags, the variant's over them, `-o` over both."""
    base, changed, over = draw(drawn_flags()), draw(drawn_flags()), draw(drawn_flags())
    removed = draw(st.lists(st.sampled_from(sorted(base)), unique=True, max_size=2)) if base else []
    flags = [word for drawn in base.values() for word in drawn.words]
    text = f"command: |\n{draw(shell_text(['vllm', 'serve', 'org/model', *flags], '  '))}\n"
    text += 'env: {A: "1"}\nlitellm: {temperature: 0.5}\nprofiles: {p: {top_k: 3, chat_template_kwargs: {a: [1, x]}}}\n'
    variant = draw(st.booleans())
    if variant:
        text += f"variants:\n  v:\n    remove: {json.dumps(removed)}\n"
        if changed:
            words = [word for drawn in changed.values() for word in drawn.words]
            text += f"    flags: |\n{draw(shell_text(words, '      '))}\n"
    # an override takes one value
    over = {name: drawn for name, drawn in over.items() if len(drawn.values) < 2}
    overrides = tuple("=".join((drawn.name, *drawn.values)) if drawn.values else drawn.name for drawn in over.values())
    kept = {name: drawn for name, drawn in base.items() if not (variant and name in removed)}
    return Case(text, overrides, "v" if variant else "base", {**kept, **(changed if variant else {}), **over})


@settings(
    max_examples=150, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip
@given(case=cases())
def test_the_rendered_command_is_read_by_vllm_as_what_was_meant(ask_engine: AskEngine, case: Case) -> None:
    recipe, problems = parse_recipe("m", "models/m.yml", case.text)
    # a flag of which the parts of a comma or a dotted form are given twice, an empty value …: those are refused, with a message
    assume(recipe is not None and not problems)
    assert recipe is not None
    overrides = read_overrides([*case.overrides, f"VARIANT={case.variant}"])
    sources = Sources(ROOT / "models", (read_defaults(),), (overrides,), lambda wish: GPU)
    try:
        plan = build_plan(configure(sources, recipe, choose_variant(sources, recipe), ()), GPU, SITE)
    except ConfigError:
        reject()
    assume(not check_plan(plan, VERSION, lambda name: "").errors)

    files = {file.path.name: file.text for file in render_generated(plan, SITE, ROOT / "templates")}
    rendered = shlex.split(files["engine.sh"].replace("\\\n", " ").rpartition("\nexec ")[2])
    assert rendered == yaml.safe_load(files["models.yml"])["engines"][0]["command"] == list(plan.engines[0].argv)
    check_gateway(yaml.safe_load(files["config.yaml"]))
    meant = [word for drawn in case.meant.values() for word in drawn.words]
    own = ["--gpu-memory-utilization", "0.75", "--host", "127.0.0.1", "--port", "8000"]
    names = ["--served-model-name", "m", "vllm_agent", "m:p", "vllm_agent:p"]
    assert ask_engine([rendered[2:], ["org/model", *meant, *own, *names]]) == {}


def check_gateway(config: Mapping[str, Any]) -> None:
    routes = {entry["model_name"]: entry["litellm_params"] for entry in config["model_list"]}
    assert routes["m"]["temperature"] == 0.5
    assert (routes["m:p"]["top_k"], routes["m:p"]["chat_template_kwargs"]) == (3, {"a": [1, "x"]})


def test_the_parser_that_is_asked_tells_values_apart(ask_engine: AskEngine) -> None:
    same = ["org/model", "--seed", "1"]
    assert ask_engine([same, ["org/model", "--seed=1"]]) == {}
    assert ask_engine([same, ["org/model", "--seed", "2"]]) == {"seed": ["1", "2"]}
    assert "refused" in ask_engine({"x": ["org/model", "--nope"]})["x"]
