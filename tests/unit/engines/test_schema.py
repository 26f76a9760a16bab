"""The shipped schemas: which one stands for a version, and that they hold together."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from slipway.engines.renames import RENAMED_FLAGS, RENAMED_VARIABLES
from slipway.engines.schema import choose_schema, load_schema, shipped_versions, version_meant
from slipway.flags import OTHER_SPELLINGS
from slipway.requirements import locked_version

ROOT = Path(__file__).parents[3]
VERSIONS = ("0.11.2", "0.15.1", "0.20.2", "0.23.0", "0.27.1", "0.32.0")


def test_the_versions_that_ship_are_in_order() -> None:
    assert shipped_versions() == VERSIONS


@pytest.mark.parametrize(
    ("wanted", "version", "strict", "note", "other"),
    [
        ("0.32.0", "0.32.0", True, "", ""),
        ("0.11.2", "0.11.2", True, "", ""),
        ("0.26.0", "0.27.1", True, "vLLM 0.26.0 is checked against 0.27.1, the nearest schema here", "0.23.0"),
        ("0.24.0", "0.23.0", True, "vLLM 0.24.0 is checked against 0.23.0, the nearest schema here", "0.27.1"),
        ("0.20.0", "0.20.2", True, "vLLM 0.20.0 is checked against 0.20.2, the nearest schema here", "0.15.1"),
        (
            "0.33.0",
            "0.32.0",
            False,
            "vLLM 0.33.0 is newer than any schema here; checked against 0.32.0, and what it does not know is a warning, not a mistake",
            "",
        ),
        (
            "1.0",
            "0.32.0",
            False,
            "vLLM 1.0 is newer than any schema here; checked against 0.32.0, and what it does not know is a warning, not a mistake",
            "",
        ),
        (
            "0.9.1",
            "0.11.2",
            False,
            "vLLM 0.9.1 is older than any schema here; checked against 0.11.2, and what it does not know is a warning, not a mistake",
            "",
        ),
        (
            "",
            "0.32.0",
            False,
            "the version of vLLM is not known; checked against 0.32.0, and what it does not know is a warning, not a mistake",
            "",
        ),
    ],
)
def test_the_nearest_schema_stands_for_a_version_and_says_so(wanted: str, version: str, strict: bool, note: str, other: str) -> None:
    choice = choose_schema(wanted)
    assert (choice.version, choice.strict, choice.note, choice.other) == (version, strict, note, other)


@pytest.mark.parametrize(
    ("bounds", "running", "version"),
    [
        ("", "0.32.0", "0.32.0"),
        ("", "", ""),
        (">=0.24", "0.32.0", "0.32.0"),
        (">=0.24,<0.28", "0.32.0", "0.27.1"),
        ("<0.30", "0.32.0", "0.27.1"),
        (">=0.33", "0.32.0", "0.33"),
        (">=0.33", "", ""),
    ],
)
def test_a_model_file_is_checked_for_a_version_that_it_allows(bounds: str, running: str, version: str) -> None:
    assert version_meant(bounds, running) == version


def test_the_version_that_runs_here_is_the_lock_file_s_and_ships_its_schema() -> None:
    locks = {device: locked_version((ROOT / f"requirements/engine-{device}.txt").read_text()) for device in ("cpu", "cuda")}
    assert locks == {"cpu": VERSIONS[-1], "cuda": VERSIONS[-1]}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_other_spelling_in_a_schema_is_known_to_the_parser_of_commands(version: str) -> None:
    schema = load_schema(version)
    others = {word: name for word, name in schema.spellings.items() if word != name and not word.startswith("--no-")}
    # -O was --compilation-config's before 0.15
    assert {word: name for word, name in others.items() if OTHER_SPELLINGS.get(word) != name} in (
        {},
        {"-O": "--compilation-config"},
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_schema_refers_to_is_in_it(version: str) -> None:
    schema = load_schema(version)
    configs = set(re.findall(r'"config": "(\w+)"', json.dumps([schema.flags, schema.configs])))
    assert configs <= set(schema.configs)
    flags = {name.partition(".")[0] for pair in (*schema.exclusive, *schema.requires) for name in pair}
    assert flags <= set(schema.flags)
    assert {"--tool-call-parser", "--reasoning-parser", "--attention-backend", "--quantization", "--load-format"} == set(schema.names)
    assert all(schema.names.values())


@pytest.mark.parametrize(("old", "now"), [*RENAMED_FLAGS.items(), *RENAMED_VARIABLES.items()])
def test_what_is_renamed_is_gone_and_its_new_name_is_there(old: str, now: str) -> None:
    newest = load_schema(VERSIONS[-1])
    assert old not in newest.flags and old not in newest.environment
    for word in re.findall(r"--[\w.-]+", now):
        name, _, key = word.partition(".")
        config = newest.flags[name]["type"][0]
        assert not key or key in newest.configs[config["config"]]
