"""Checks an engine's flags and variables against the argument schema of the vLLM version that will run, before it starts.

Pure: what is checked are the plan's own arguments and variables, so each message names the file and line of that very word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from slipway.engines.base import Findings
from slipway.engines.renames import RENAMED_FLAGS, RENAMED_VARIABLES
from slipway.engines.schema import Choice, Schema, load_schema, shipped_versions
from slipway.errors import Problem
from slipway.flags import base_name, inline_value
from slipway.layers import ENVIRONMENT, did_you_mean
from slipway.plan import SLIPWAY, Argument, Variable
from slipway.typed_values import check_text, check_value, json_or_text

# A flag that loads code which may bring names of its own.
_PLUGINS = {"--tool-call-parser": "--tool-parser-plugin", "--reasoning-parser": "--reasoning-parser-plugin"}
# Keys of JSON flags that are looked up in the same registry as a flag of their own.
_SAME_NAMES = {
    "--attention-config.backend": "--attention-backend",
    "--structured-outputs-config.reasoning_parser": "--reasoning-parser",
}
_WHAT = {
    "--tool-call-parser": "a tool parser",
    "--reasoning-parser": "a reasoning parser",
    "--attention-backend": "an attention backend",
    "--quantization": "a quantization method",
    "--load-format": "a load format",
}

Complaint = tuple[str, str]  # message and hint


def check_engine(choice: Choice, arguments: Sequence[Argument], variables: Iterable[Variable]) -> Findings:
    """Everything that vLLM would refuse or ignore."""
    flags = [argument for argument in arguments if argument.name.startswith("-")]
    given = frozenset(argument.name for argument in flags)
    errors: list[Problem] = []
    warnings: list[Problem] = []

    def report(subject: Argument | Variable, complaints: Callable[[Schema], Iterator[Complaint]]) -> None:
        found = list(complaints(choice.schema))
        lenient = not choice.strict or subject.source.label == ENVIRONMENT
        # between two schemas: what either of them takes may be right
        lenient = lenient or bool(found and choice.other and not any(complaints(load_schema(choice.other))))
        (warnings if lenient else errors).extend(Problem(subject.source.label, subject.source.line, *complaint) for complaint in found)

    for argument in flags:
        report(argument, partial(_flag_complaints, argument, given))
        warnings += _deprecations(choice.schema, argument)
    for argument in {id(argument): argument for argument, _ in _relations(flags, choice.schema)}.values():
        report(argument, partial(_of, argument, flags))
    for variable in variables:
        if variable.source != SLIPWAY:
            report(variable, partial(_variable_complaints, variable))
            warnings += _strangers(choice.schema, variable)
    return Findings(tuple(dict.fromkeys(errors)), tuple(dict.fromkeys(warnings)), choice.note)


def _flag_complaints(argument: Argument, given: frozenset[str], schema: Schema) -> Iterator[Complaint]:
    spelling = _spelling(argument)
    name = schema.spellings.get(spelling.partition(".")[0])
    if name == "--compilation-config" and spelling.startswith("-O"):
        return  # before 0.15, where -O3 and -O.level=3 meant a level of compilation
    if name == "--help":
        yield f"{spelling} prints help and ends", "remove it"
    elif name == "--model":
        yield "the model stands right after `vllm serve`, not in --model", "remove it"
    elif name is None:
        yield _unknown_flag(schema, spelling)
    elif "." in spelling:
        yield from _dotted_complaints(schema, name, argument, given)
    else:
        yield from _value_complaints(schema, name, argument, given)


def _spelling(argument: Argument) -> str:
    """The flag as it was written, with dashes, without a value in the same word."""
    word = argument.words[0]
    if inline_value(word) is not None:
        word = word.partition("=")[0] if not re.match(r"-O[^.=]", word) else "-O"
    head, dot, tail = word.partition(".")
    return (head.replace("_", "-") if head.startswith("--") else head) + dot + tail


def _unknown_flag(schema: Schema, spelling: str) -> Complaint:
    name, _, _ = spelling.partition(".")
    what = f"vLLM {schema.version} has no flag {name}"
    positive = base_name(name)
    if positive != name and positive in schema.flags:
        return what, f"{positive} cannot be negated"
    longer = [word for word in schema.spellings if word.startswith(name) and not word.startswith("--no-")]
    if name.startswith("--") and len(longer) == 1:
        return f"{name} is short for {longer[0]}", "write it out: the next version may have two that begin like this"
    hint = RENAMED_FLAGS.get(positive, "")
    elsewhere = _elsewhere(schema, lambda other: name in other.spellings)
    if elsewhere:
        return f"{what}: {elsewhere}", hint
    return what, hint or did_you_mean(name, schema.spellings)


def _elsewhere(schema: Schema, has: Callable[[Schema], bool]) -> str:
    """Which other versions have what this one lacks."""
    versions = shipped_versions()
    here = versions.index(schema.version)
    older = [version for version in versions[:here] if has(load_schema(version))]
    newer = [version for version in versions[here + 1 :] if has(load_schema(version))]
    if older:
        last = older[-1]
        return f"{last} had it, {versions[versions.index(last) + 1]} no longer"
    return f"{newer[0]} has it, {versions[versions.index(newer[0]) - 1]} not yet" if newer else ""


def _dotted_complaints(schema: Schema, name: str, argument: Argument, given: frozenset[str]) -> Iterator[Complaint]:
    """`--compilation-config.mode 3`: one key of a JSON value. A value that is no JSON is text; `.key+` takes a list."""
    spelling = _spelling(argument)
    keys = spelling.partition(".")[2].removesuffix("+").split(".")
    values = _values(argument)
    if len(values) != 1:
        yield _count_complaint(spelling, values, "one value")
        return
    types = schema.flags[name]["type"]
    config = _config(types)
    if config is None:
        if "json" not in types:
            yield f"{name} takes no keys: its value is no JSON object", f"write {name} VALUE"
        return
    value: Any = values[0].split(",") if spelling.endswith("+") else json_or_text(values[0])
    for key in reversed(keys):
        value = {key: value}
    for text in check_value([{"config": config}], value, schema.configs, ""):
        yield f"{name} {text}", ""
    yield from _keyed_name_complaints(schema, argument, given)


def _config(types: Iterable[Any]) -> str | None:
    return next((item["config"] for item in types if isinstance(item, dict) and "config" in item), None)


def _values(argument: Argument) -> list[str]:
    inline = inline_value(argument.words[0])
    return ([] if inline is None else [inline]) + list(argument.words[1:])


def _value_complaints(schema: Schema, name: str, argument: Argument, given: frozenset[str]) -> Iterator[Complaint]:
    flag, values, spelling = schema.flags[name], _values(argument), _spelling(argument)
    if flag["type"] == ["switch"]:
        if values:
            yield f"{spelling} takes no value, and {' '.join(values)!r} follows it", ""
        return
    if spelling.startswith("--no-"):
        yield _unknown_flag(schema, spelling)
        return
    wanted = _count_wanted(flag.get("nargs"), len(values))
    if wanted:
        yield _count_complaint(spelling, values, wanted)
        return
    for value in values:
        for text in check_text(flag["type"], value, schema.configs):
            yield f"{spelling} {text}", ""
        yield from _name_complaints(schema, name, value, given)
    yield from _keyed_name_complaints(schema, argument, given)


def _count_wanted(nargs: object, count: int) -> str:
    """What a flag takes, where the number of its values is wrong."""
    if nargs == "*" or (nargs == "+" and count) or (nargs == "?" and count <= 1):
        return ""
    if nargs == "+":
        return "at least one value"
    if nargs == "?":
        return "one value at most"
    number = nargs if isinstance(nargs, int) else 1
    return "" if count == number else "one value" if number == 1 else f"{number} values"


def _count_complaint(spelling: str, values: Sequence[str], wanted: str) -> Complaint:
    if not values:
        return f"{spelling} needs {'a' if wanted == 'one value' else wanted.removesuffix(' value')} value", ""
    return f"{spelling} takes {wanted}, and {' '.join(values)!r} follows it", "put a value with spaces in quotes"


def _name_complaints(schema: Schema, name: str, value: str, given: frozenset[str]) -> Iterator[Complaint]:
    """A value that vLLM looks up in a registry: parsers, backends, quantization methods."""
    known = schema.names.get(name)
    if known is None or _PLUGINS.get(name) in given or value in ("", "None"):
        known = schema.flags.get(name, {}).get("known")
        near = did_you_mean(value, known) if known and value not in known else ""
        if near:
            yield f"vLLM {schema.version} knows no {name} {value}", near
        return
    folded = name == "--attention-backend"
    wanted = value.upper() if folded else value
    if wanted in known or (folded and wanted == "AUTO"):
        return
    what = f"{value} is not {_WHAT[name]} of vLLM {schema.version}"
    elsewhere = _elsewhere(schema, lambda other: wanted in other.names.get(name, ()))
    plugin = f"; {_PLUGINS[name]} brings others" if name in _PLUGINS else ""
    hint = did_you_mean(wanted, known) or f"known: {', '.join(known)}{plugin}"
    yield (f"{what}: {elsewhere}", "") if elsewhere else (what, hint)


def _keyed_name_complaints(schema: Schema, argument: Argument, given: frozenset[str]) -> Iterator[Complaint]:
    for key, name in _SAME_NAMES.items():
        for value in _given_keys(schema, argument).get(key, ()):
            yield from _name_complaints(schema, name, value, given)


def _deprecations(schema: Schema, argument: Argument) -> Iterator[Problem]:
    spelling = _spelling(argument)
    name = schema.spellings.get(spelling.partition(".")[0], "")
    text = schema.flags.get(name, {}).get("deprecated")
    if text:
        reason = re.sub(r"^\W*deprecated\W*", "", text, flags=re.IGNORECASE)
        said = text if text.startswith(name) else f"{spelling} is deprecated" + (f": {reason}" if reason else "")
        yield Problem(argument.source.label, argument.source.line, said.rstrip("."), RENAMED_FLAGS.get(name, ""))


def _given_keys(schema: Schema, argument: Argument) -> dict[str, list[str]]:
    """`--flag` and `--flag.key` for each key that an argument sets, with its values as text."""
    spelling = _spelling(argument)
    head, dot, key = spelling.partition(".")
    name = schema.spellings.get(head, head)
    if dot:
        return {f"{name}.{key.removesuffix('+').partition('.')[0]}": _values(argument)}
    keys = {name: _values(argument)}
    if _config(schema.flags.get(name, {}).get("type", ())):
        value = json_or_text(" ".join(_values(argument)))
        keys |= {f"{name}.{inner}": [str(item)] for inner, item in value.items() if item is not None} if isinstance(value, dict) else {}
    return keys


def _relations(flags: Sequence[Argument], schema: Schema) -> Iterator[tuple[Argument, Complaint]]:
    """Flags that exclude each other, that need another, or that give a JSON value both whole and by its keys."""
    keys: dict[str, Argument] = {}
    for argument in flags:
        spelling = _spelling(argument)
        if spelling.startswith("--no-"):
            continue
        own = _given_keys(schema, argument)
        for pair in schema.exclusive:
            for one, two in (pair, pair[::-1]):
                if one in own and two in keys:
                    yield argument, (f"{one} and {two} exclude each other", f"{keys[two].source} has {two}")
        keys |= dict.fromkeys(own, argument)
    for argument in flags:
        name, dot, _ = argument.name.partition(".")
        whole = keys.get(name)
        if dot and whole:
            yield argument, (f"{argument.name} would replace all of {name}", f"{whole.source} gives it whole: write all keys one way")
    for name, needed in schema.requires:
        if name in keys and needed not in keys:
            yield keys[name], (f"{name} requires {needed}", "")


def _of(argument: Argument, flags: Sequence[Argument], schema: Schema) -> Iterator[Complaint]:
    return (complaint for other, complaint in _relations(flags, schema) if other is argument)


def _variable_complaints(variable: Variable, schema: Schema) -> Iterator[Complaint]:
    if not variable.name.startswith("VLLM_"):
        return
    types = schema.environment.get(variable.name)
    if types is None:
        what = f"vLLM {schema.version} has no variable {variable.name}"
        elsewhere = _elsewhere(schema, lambda other: variable.name in other.environment)
        renamed = RENAMED_VARIABLES.get(variable.name, "")
        near = "" if elsewhere else did_you_mean(variable.name, schema.environment)
        if elsewhere or renamed or near:
            yield (f"{what}: {elsewhere}" if elsewhere else what), renamed or near
    elif variable.value:
        for value in variable.value.split(",") if "choices" in str(types) else [variable.value]:
            for text in check_text(types, value.strip(), schema.configs):
                yield f"{variable.name} {text}", ""


def _strangers(schema: Schema, variable: Variable) -> Iterator[Problem]:
    """A VLLM_* variable like none that any version knows: a plugin's own perhaps, so no mistake."""
    known = variable.name in schema.environment or not variable.name.startswith("VLLM_")
    if not known and not list(_variable_complaints(variable, schema)):
        what = f"vLLM {schema.version} has no variable {variable.name}"
        yield Problem(variable.source.label, variable.source.line, what, "only a plugin could read it")
