"""Checks the value of a flag, a variable, a parameter or a key of a JSON value against its type in a shipped schema.

A type is a list of alternatives, of which one must fit. Each check gives what is wrong in words that follow a name, or
nothing. As vLLM's own parser and pydantic do, numbers are taken from text, and sizes such as 80m in JSON too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from slipway.layers import did_you_mean

# A type: `integer`, `number`, `size`, `text`, `boolean`, `json`, `map`, `null`, `any`, {"choices": [...]}, {"list": type},
# {"config": name}.
Alternatives = list[Any]
Configs = Mapping[str, Mapping[str, Alternatives]]

_SIZE = re.compile(r"\d+|\d+(?:\.\d+)?[kmgt]|\d+[KMGT]")
_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "size": "a whole number such as 4096, 32k or 1M",
    "boolean": "true or false",
    "text": "text",
    "null": "null",
    "json": "JSON",
    "map": "a JSON object",
    "any": "",
}
_BOOLEANS = ("true", "false", "1", "0", "yes", "no", "on", "off", "t", "f", "y", "n")


def check_text(types: Alternatives, text: str, configs: Configs) -> list[str]:
    """What is wrong with a value as it stands on the command line."""
    config = next((item["config"] for item in types if isinstance(item, dict) and "config" in item), None)
    if config and not ("null" in types and text in ("", "None")):
        return _check_config_text(config, text, configs)
    if "json" in types and "text" in types:
        return [] if not re.match(r"\s*{.*}\s*$", text, re.DOTALL) else _check_json_text(text)
    if types == ["json"] or types == ["json", "null"]:
        return [] if text in ("", "None") and "null" in types else _check_json_text(text)
    return [] if any(_fits_text(item, text) for item in types) else [_wanted(types, text)]


def _fits_text(item: Any, text: str) -> bool:
    if isinstance(item, dict):
        return _is_choice(item, text)
    if item == "integer":
        return _converts(int, text)
    if item == "number":
        return _converts(float, text)
    if item == "size":
        return bool(_SIZE.fullmatch(text.strip())) or _converts(int, text)
    if item == "null":
        return text in ("", "None")
    return True


def _is_choice(item: Mapping[str, Any], text: str) -> bool:
    choices = item.get("choices", ())
    if item.get("folded"):
        return _folded(text) in {_folded(str(choice)) for choice in choices}
    return text in map(str, choices) or any(isinstance(choice, int) and _converts(int, text) and int(text) == choice for choice in choices)


def _folded(text: str) -> str:
    return text.lower().replace("-", "_")


def _converts(convert: type, text: str) -> bool:
    try:
        convert(text)
    except ValueError:
        return False
    return True


def _wanted(types: Alternatives, given: object) -> str:
    """`must be a whole number, not 'x'`, or the choices, or the nearest of them."""
    shown = repr(given) if isinstance(given, str) else json.dumps(given)
    near = did_you_mean(str(given), _choices(types))
    return f"cannot be {shown} ({near})" if near else f"must be {describe_type(types)}, not {shown}"


def _choices(types: Alternatives) -> list[str]:
    return [str(choice) for item in types if isinstance(item, dict) for choice in item.get("choices", ())]


def describe_type(types: Alternatives) -> str:
    """What a flag or key takes, in words."""
    if types == ["switch"]:
        return "no value"
    choices = _choices(types)
    named = [_WORDS[item] if isinstance(item, str) else "a list" if "list" in item else "" for item in types if item != "null"]
    named += [f"one of {', '.join(choices)}"] if len(choices) > 1 else choices
    return " or ".join(filter(None, dict.fromkeys(named))) or "a JSON object"


def read_json(text: str) -> Any:
    """A flag's JSON value with sizes such as 80m expanded, as vLLM reads it. Raises ValueError."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', text)
    parts[::2] = [re.sub(r"\b(\d+(?:\.\d+)?)([kKmMgGtT])\b", _expand, part) for part in parts[::2]]
    return json.loads("".join(parts))


def json_or_text(text: str) -> Any:
    """The value of a key that is given by dots: JSON where it is some, else the text."""
    try:
        return read_json(text)
    except ValueError:
        return text


def merge_key(whole: str, name: str, text: str) -> str | None:
    """The JSON object `whole` with the key that `name` (`--flag.key`) stands for set to `text`; None for no object and for no text.

    By the rules of vLLM's own reader (FlexibleArgumentParser): `--flag.key+` adds to a list.
    """
    try:
        value = read_json(whole) if text else None
    except ValueError:
        return None
    path = name.partition(".")[2]
    *parents, last = path.removesuffix("+").split(".")
    inner = value
    for key in parents:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else None
    if not isinstance(inner, dict):
        return None
    before = inner.get(last)
    added = text.split(",") if path.endswith("+") else json_or_text(text)
    inner[last] = [*before, *added] if path.endswith("+") and isinstance(before, list) else added
    return json.dumps(value)


def _expand(match: re.Match[str]) -> str:
    power = "kmgt".index(match[2].lower()) + 1
    return str(int(float(match[1]) * (1000 if match[2].islower() else 1024) ** power))


def _check_json_text(text: str) -> list[str]:
    try:
        json.loads(text)
    except ValueError as error:
        return [f"is not valid JSON: {error}"]
    return []


def _check_config_text(config: str, text: str, configs: Configs) -> list[str]:
    try:
        value = read_json(text)
    except ValueError as error:
        return [f"is not valid JSON: {error}"]
    return list(check_config(config, value, configs))


def check_config(config: str, value: Any, configs: Configs, at: str = "") -> Iterator[str]:
    """What is wrong with a JSON value of a config class, key by key; `at` is the path of keys that led there."""
    if not isinstance(value, dict):
        yield f"{at} {_wanted(['map'], value)}".strip()
        return
    known = configs[config]
    for key, inner in value.items():
        path = f"{at}.{key}".removeprefix(".")
        if key not in known:
            yield f"has no key {path}" + _hint(did_you_mean(key, known) or (f"known: {', '.join(known)}" if len(known) < 20 else ""))
        else:
            yield from check_value(known[key], inner, configs, path)


def _hint(text: str) -> str:
    return f" ({text})" if text else ""


def check_value(types: Alternatives, value: Any, configs: Configs, at: str) -> Iterator[str]:
    """What is wrong with a value inside JSON."""
    config = next((item["config"] for item in types if isinstance(item, dict) and "config" in item), None)
    if config and isinstance(value, dict) and "map" not in types:
        yield from check_config(config, value, configs, at)
    elif not any(_fits(item, value, configs) for item in types):
        yield f"{at} {_wanted(types, value)}"


def _fits(item: Any, value: Any, configs: Configs) -> bool:
    if isinstance(item, dict) and "list" in item:
        return isinstance(value, list) and all(not list(check_value(item["list"], inner, configs, "")) for inner in value)
    if isinstance(item, dict) and "choices" in item:
        return value in item["choices"] and isinstance(value, bool) == any(
            value is choice for choice in item["choices"] if isinstance(choice, bool)
        )
    if isinstance(item, dict):
        return isinstance(value, dict)
    return _FITS[item](value)


def _is_integer(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) or (isinstance(value, str) and _converts(int, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, str) and _converts(float, value))


def _is_boolean(value: Any) -> bool:
    return value in (0, 1) if isinstance(value, (bool, int, float)) else isinstance(value, str) and value.lower() in _BOOLEANS


_FITS: dict[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "integer": _is_integer,
    "number": _is_number,
    "text": lambda value: isinstance(value, str),
    "null": lambda value: value is None,
    "map": lambda value: isinstance(value, dict),
    "boolean": _is_boolean,
}
