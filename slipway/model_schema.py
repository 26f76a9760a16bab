"""The JSON Schema of model files, for editors: made from the types that check them, so that both say the same."""

from __future__ import annotations

import json
import math
from typing import Any

from slipway.gpus import HARDWARE_NAMES
from slipway.model_file import NAME_PATTERN, PROFILE_PATTERN, Sections
from slipway.parameters import parameter_types
from slipway.settings import BY_RECIPE_KEY, Definition

Schema = dict[str, Any]

SCHEMA_FILE = "model.schema.json"
# the first line of a model file, from which editors learn of the schema
SCHEMA_COMMENT = f"# yaml-language-server: $schema={SCHEMA_FILE}\n"

_VARIABLE_NAMES = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}


def json_schema() -> Schema:
    """The schema (2020-12): a mistake that it finds is one for `check` too; `check` finds more, such as wrong flags."""
    schema = Sections.model_json_schema()
    sections = {name: section["properties"] for name, section in schema["$defs"].items()}
    top = schema["properties"]
    for fields in (top, *sections.values()):
        for name, field in fields.items():
            fields[name] = _plain(field)
        if "env" in fields:
            fields["env"]["propertyNames"] = _VARIABLE_NAMES
        if "hardware" in fields:
            fields["hardware"]["propertyNames"] = {"enum": list(HARDWARE_NAMES)}
    for name in ("profiles", "variants"):
        top[name]["propertyNames"] = {"pattern": f"^{PROFILE_PATTERN}$"}
    top["aliases"]["items"]["pattern"] = f"^{NAME_PATTERN}$"
    top["source"]["type"].append("string")
    top["litellm"] = {"description": top["litellm"]["description"], "$ref": "#/$defs/Sampling"}
    top["profiles"]["additionalProperties"] = {"$ref": "#/$defs/Profile"}
    further: Schema = {key: {"description": "a parameter of LiteLLM or of vLLM's requests"} for key in sorted(parameter_types())}
    keys = further | {key: _sampling(item) for key, item in BY_RECIPE_KEY.items()}
    schema["$defs"]["Profile"] = {"type": "object", "additionalProperties": False, "properties": keys}
    schema["$defs"]["Sampling"] = {**schema["$defs"]["Profile"], "type": ["object", "null"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Slipway model file"}


def schema_text() -> str:
    """models/model.schema.json."""
    return json.dumps(json_schema(), indent=2) + "\n"


def _plain(field: Schema) -> Schema:
    """`anyOf: [X, null]` as one type with two names, which editors explain better; no titles, and no defaults of null."""
    options = field.pop("anyOf", None)
    for key in ("title", "default"):
        field.pop(key, None)
    if options is None:
        return field
    if "$ref" in options[0]:
        return {**field, "anyOf": options}
    return {**field, **options[0], "type": [options[0]["type"], "null"]}


def _sampling(item: Definition) -> Schema:
    """Text is taken too: a size such as 128K, a number in quotes, or an empty text for "send none"."""
    kinds = {"integer": "integer", "size": "integer", "mapping": "object"}
    schema: Schema = {"description": item.doc, "type": [kinds.get(item.kind, "number"), "string", "null"]}
    if item.kind == "mapping":
        return schema
    low, high = item.bounds
    return {**schema, "minimum": low, **({} if math.isinf(high) else {"maximum": high})}
