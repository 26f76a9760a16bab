"""The JSON Schema of model files: in step with the types, and of one mind with `check`."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from slipway.model_schema import SCHEMA_COMMENT, SCHEMA_FILE, json_schema, schema_text
from slipway.recipe import parse_recipe
from tests.unit.test_recipe import FULL, GOOD, WRONG

MODELS = Path(__file__).parents[2] / "models"
VALIDATOR = jsonschema.Draft202012Validator(json_schema())

# What only `check` finds: repeated keys and names, the command's text, versions and sizes in texts, files, secrets.
BEYOND_A_SCHEMA = {
    "a duplicate key", "a tab", "another program", "an unbalanced quote", "a flag twice", "a setting's flag without a value",
    "env a secret", "a size like 12Q", "a word for a number", "infinity", "an alias with dots", "an alias twice", "an alias that is the name",
    "an alias for everything", "requires a bare size", "requires a version that is none", "a variant called base",
    "a variant's flags without dashes", "a variant's flag twice", "a variant's secret", "a removed flag with a value", "a file elsewhere",
    "a template that is not listed", "template arguments with a date", "a parameter of the wrong type",
}  # fmt: skip


def test_the_schema_in_models_is_the_one_that_the_types_give() -> None:
    assert (MODELS / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text(), "run scripts/write_docs.py"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.yml")), ids=lambda path: path.stem)
def test_every_model_file_names_the_schema_and_follows_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(SCHEMA_COMMENT)
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize("text", [GOOD, FULL, "command: vllm serve a/b\nsource: x\nlitellm:\n"])
def test_what_check_accepts_the_schema_accepts(text: str) -> None:
    assert parse_recipe("m", "models/m.yml", text)[1] == []
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize("what", sorted(set(WRONG) - BEYOND_A_SCHEMA))
def test_a_mistake_of_structure_is_one_for_the_schema_too(what: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(WRONG[what][0]))) != []


def test_the_mistakes_beyond_a_schema_are_named() -> None:
    assert set(WRONG) >= BEYOND_A_SCHEMA
