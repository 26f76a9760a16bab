#!/usr/bin/env python3
"""Writes slipway/engines/schemas/vllm-VERSION.json from the vLLM that the running Python has installed.

    .slipway/envs/engine-cpu-*/bin/python scripts/dump_engine_schema.py [--to FOLDER]

Everything comes from the package itself: `vllm serve`'s own argument parser, the types of its config classes, its
registries of parsers, attention backends and quantization methods, the table of its environment variables (each is given
a nonsense value to see what it expects), and the sentences of its source that say which flags exclude or require each
other. docs/preflight.md tells the format.
"""

from __future__ import annotations

import argparse
import ast
import collections.abc
import dataclasses
import enum
import importlib
import inspect
import json
import os
import platform
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any

# vLLM builds its help texts, which say what is deprecated, only when it finds this word
sys.argv.append("--help")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

Alternatives = list[Any]

_PLAIN = {bool: "boolean", int: "integer", float: "number", str: "text", Path: "text", type(None): "null", dict: "map", Any: "any"}
_PARSERS = {
    "human_readable_int": ["size"],
    "human_readable_int_or_auto": ["size", {"choices": ["auto", "-1"]}],
    "union_dict_and_str": ["json", "text"],
    "loads": ["json"],
    "int": ["integer"],
    "float": ["number"],
    "str": ["text"],
    "bool": ["text"],
}
_SENTENCES = (
    "vllm.engine.arg_utils",
    "vllm.entrypoints.cli.serve",
    "vllm.entrypoints.openai.cli_args",
    "vllm.entrypoints.launchers.cli_args",
)


class Types:
    """Turns Python's types into lists of alternatives, and collects the config classes that they mention."""

    def __init__(self) -> None:
        self.configs: dict[str, dict[str, Any]] = {}

    def config(self, cls: type) -> str:
        if cls.__name__ not in self.configs:
            self.configs[cls.__name__] = {}  # a class may hold itself
            self.configs[cls.__name__] |= {name: self._field(cls, name, hint) for name, hint in _fields(cls)}
        return cls.__name__

    def _field(self, cls: type, name: str, hint: Any) -> Alternatives:
        validators = getattr(getattr(cls, "__pydantic_decorators__", None), "field_validators", {}).values()
        null = []
        for validator in validators:
            if name in validator.info.fields or "*" in validator.info.fields:
                if validator.info.mode == "wrap" and "none" in validator.cls_var_name:
                    null = ["null"]
                elif validator.info.mode != "after":
                    return ["any"]
        return _merged([*self.alternatives(hint), *null])

    def alternatives(self, hint: Any) -> Alternatives:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            checked = any(type(item).__name__.endswith("Validator") for item in arguments[1:])
            return ["any"] if checked else self.alternatives(arguments[0])
        if origin in (typing.Union, types.UnionType):
            return [item for argument in arguments for item in self.alternatives(argument)]
        if origin is typing.Literal:
            return [{"choices": list(arguments)}] if all(map(_is_plain, arguments)) else ["any"]
        if hint in _PLAIN:
            return [_PLAIN[hint]]
        if origin in (list, set, frozenset, tuple, collections.abc.Sequence) or hint in (list, set, tuple):
            inner = [item for argument in arguments if argument is not ... for item in self.alternatives(argument)]
            return [{"list": _merged(inner) or ["any"]}]
        if origin is dict or typing.is_typeddict(hint) or (isinstance(hint, type) and issubclass(hint, dict)):
            return ["map"]
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            values = [member.value for member in hint]
            return [{"choices": values}] if all(map(_is_plain, values)) else ["any"]
        if dataclasses.is_dataclass(hint):
            return [{"config": self.config(hint)}]
        return ["any"]


class Dump(Types):
    """The flags of vLLM's own parser."""

    def __init__(self) -> None:
        super().__init__()
        self.parser = serve_parser()

    def flags(self) -> dict[str, Any]:
        found = {}
        for action in self.parser._actions:
            spellings = [word for word in action.option_strings if not word.startswith("--no-") or len(action.option_strings) == 1]
            if spellings:
                name = max(spellings, key=lambda word: (word.startswith("--"), -spellings.index(word)))
                found[name] = self._flag(action, [word for word in action.option_strings if word != name])
        return found

    def _flag(self, action: argparse.Action, others: list[str]) -> dict[str, Any]:
        flag: dict[str, Any] = {"also": others} if others else {}
        if action.nargs == 0:
            flag["type"] = ["switch"]
        else:
            flag["type"] = self._flag_type(action)
            if action.nargs is not None:
                flag["nargs"] = action.nargs
        if isinstance(action.metavar, (list, tuple)):
            flag["known"] = [str(word) for word in action.metavar]
        if isinstance(action, argparse._AppendAction):
            flag["repeats"] = True
        if _is_plain(action.default) and action.default != argparse.SUPPRESS:
            flag["default"] = action.default
        if (
            action in getattr(self.parser, "_deprecated", ())
            or getattr(action, "deprecated", False)
            or _DEPRECATED.search(action.help or "")
        ):
            flag["deprecated"] = _deprecation(action.help or "")
        return flag

    def _flag_type(self, action: argparse.Action) -> Alternatives:
        parse, null = action.type, []
        if _name(parse) == "_optional_type":
            parse, null = inspect.getclosurevars(parse).nonlocals["return_type"], ["null"]
        if _name(parse) == "_parse_type":
            parse = inspect.getclosurevars(parse).nonlocals["return_type"]
        if action.choices:
            choice: dict[str, Any] = {"choices": [word for word in action.choices if word is not None]}
            if _name(parse) == "<lambda>" and parse(str(choice["choices"][0]).upper().replace("_", "-")) == choice["choices"][0]:
                choice["folded"] = True
            return [choice, *null]
        if _name(parse) == "parse_dataclass":
            return [{"config": self.config(parse.__defaults__[0])}, *null]
        if _name(parse) == "loads" and (config := _config_class(action.dest)):
            return [{"config": self.config(config)}, *null]
        return [*_PARSERS.get(_name(parse), ["text"]), *null]


def serve_parser() -> Any:
    from vllm.entrypoints.cli.serve import cmd_init

    try:
        from vllm.utils.argparse_utils import FlexibleArgumentParser
    except ImportError:
        from vllm.utils import FlexibleArgumentParser
    return cmd_init()[0].subparser_init(FlexibleArgumentParser().add_subparsers())


def _request() -> dict[str, Alternatives]:
    """What a chat request may hold, with the types of its fields, so that defaults for it can be checked."""
    module = _first("vllm.entrypoints.openai.chat_completion.protocol", "vllm.entrypoints.openai.protocol")
    fields = module.ChatCompletionRequest.model_fields
    return {name: plain_types(field.annotation) for name, field in sorted(fields.items())}


def plain_types(hint: Any) -> Alternatives:
    """A type whose classes are of no interest: their values are mappings."""
    found = Types().alternatives(hint)
    return _merged(["map" if isinstance(item, dict) and "config" in item else item for item in found])


def _name(parse: Any) -> str:
    return "str" if parse is None else getattr(parse, "__name__", "")


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float, bool)) and not isinstance(value, enum.Enum)


def _merged(alternatives: Alternatives) -> Alternatives:
    if "any" in alternatives:
        return ["any"]
    return [item for index, item in enumerate(alternatives) if item not in alternatives[:index]]


def _fields(cls: type) -> list[tuple[str, Any]]:
    """Names and types of what a config class takes."""
    pydantic = getattr(cls, "__pydantic_fields__", None)
    hints = {name: field.annotation for name, field in pydantic.items()} if pydantic else None
    if hints is None:
        try:
            hints = typing.get_type_hints(cls)
        except Exception:
            hints = {}
    taken = [field.name for field in dataclasses.fields(cls) if field.init and getattr(field.default, "init", None) is not False]
    return [(name, hints.get(name, Any)) for name in taken]


def _config_class(dest: str) -> type | None:
    """The class whose keyword arguments a JSON flag holds: --speculative-config is SpeculativeConfig's."""
    import vllm.config

    name = "".join(word.capitalize() for word in dest.split("_"))
    found = getattr(vllm.config, name, None)
    return found if dataclasses.is_dataclass(found) else None


# a help text that says so of its own flag, not of something that the flag is about
_DEPRECATED = re.compile(r"^\W*deprecated\b|\b(?:is|be) deprecated\b|\bhas been replaced by\b", re.IGNORECASE)


def _deprecation(text: str) -> str:
    """The sentences of a help text that speak of the deprecation."""
    sentences = re.split(r"(?<=[.!])\s+", " ".join(text.split("API docs:", maxsplit=1)[0].split()))
    telling = [sentence for sentence in sentences if re.search(r"deprecat|remov|instead", sentence, re.IGNORECASE)]
    return " ".join(telling)[:300].replace("%%", "%") or "deprecated"


def _warned(flags: dict[str, Any]) -> None:
    """Deprecations that stand in a message of arg_utils and not in a help text."""
    module = importlib.import_module("vllm.engine.arg_utils")
    for text in vars(module).values():
        match = re.match(r"(--[a-z-]+) is deprecated", text) if isinstance(text, str) else None
        if match and match[1] in flags:
            flags[match[1]]["deprecated"] = text


def _said(name: str) -> list[str]:
    """Every text that a module puts into a raise or an assert, with its placeholders as {}."""
    try:
        tree = ast.parse(inspect.getsource(importlib.import_module(name)))
    except ImportError:
        return []
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Raise, ast.Assert)):
            for part in ast.walk(node):
                if isinstance(part, ast.JoinedStr):
                    texts.append("".join(piece.value if isinstance(piece, ast.Constant) else "{}" for piece in part.values))
                elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                    texts.append(part.value)
    return [" ".join(text.split()) for text in texts]


def _relations(flags: dict[str, Any]) -> tuple[list[list[str]], list[list[str]]]:
    """Pairs of flags that exclude each other, and pairs of which the first needs the second."""
    texts = [text for name in _SENTENCES for text in _said(name)]
    exclusive, required = [], []
    for text in texts:
        pair = re.search(r"([\w.-]+) and ([\w.-]+?) (?:are mutually exclusive|cannot both be True)", text)
        if pair:
            exclusive.append([_flag_name(pair[1]), _flag_name(pair[2])])
        if text.startswith("{} and --speculative-config['{}'] are mutually exclusive"):
            source = inspect.getsource(importlib.import_module("vllm.engine.arg_utils"))
            pairs = re.findall(r'\("(--spec-[a-z]+)", "(\w+)", self\.', source)
            exclusive += [[flag, f"--speculative-config.{key}"] for flag, key in pairs]
        needs = re.search(r"(--[a-z-]+) requires (--[a-z-]+)$", text)
        if needs:
            required.append([needs[1], needs[2]])
    groups = [[action.option_strings[0] for action in group._group_actions] for group in _parser_groups()]
    exclusive += [
        list(pair) for group in groups for index, first in enumerate(group) for pair in ((first, other) for other in group[index + 1 :])
    ]

    def known(pair: list[str]) -> bool:
        return all(name.partition(".")[0] in flags for name in pair)

    return sorted(filter(known, exclusive)), sorted(filter(known, required))


def _parser_groups() -> list[Any]:
    return [group for group in serve_parser()._mutually_exclusive_groups if len(group._group_actions) > 1]


def _flag_name(word: str) -> str:
    head, dot, tail = word.removeprefix("--").partition(".")
    return "--" + head.replace("_", "-") + dot + tail


def _names() -> dict[str, list[str]]:
    """What registries hold, by the flag whose value is looked up in them."""
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS
    from vllm.model_executor.model_loader import _LOAD_FORMAT_TO_MODEL_LOADER
    from vllm.reasoning import ReasoningParserManager

    tools = _first("vllm.tool_parsers", "vllm.entrypoints.openai.tool_parsers").ToolParserManager
    registry = _first("vllm.v1.attention.backends.registry", "vllm.attention.backends.registry")
    backends = getattr(registry, "AttentionBackendEnum", None) or registry._Backend
    return {
        "--tool-call-parser": sorted(tools.list_registered()),
        "--reasoning-parser": sorted(ReasoningParserManager.list_registered()),
        "--attention-backend": sorted(member.name for member in backends),
        "--quantization": sorted(QUANTIZATION_METHODS),
        "--load-format": sorted(_LOAD_FORMAT_TO_MODEL_LOADER),
    }


def _first(*names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise SystemExit(f"this vLLM has none of {', '.join(names)}")


def _environment() -> dict[str, Any]:
    """Every VLLM_* variable: those of vllm.envs with the values that they take, and those that other modules read."""
    import vllm
    import vllm.envs

    found: dict[str, Any] = {}
    for name in sorted(vllm.envs.environment_variables):
        if name.startswith("VLLM_"):
            found[name] = _variable_type(name, vllm.envs.environment_variables[name])
    pattern = re.compile(r"""(?:environ(?:\.get|\.setdefault)?|getenv)[\[(]\s*["'](VLLM_[A-Z0-9_]+)["']""")
    for path in Path(vllm.__path__[0]).rglob("*.py"):
        for name in pattern.findall(path.read_text(encoding="utf-8", errors="replace")):
            found.setdefault(name, ["text"])
    return dict(sorted(found.items()))


def _variable_type(name: str, read: Any) -> Alternatives:
    before = os.environ.get(name)
    os.environ[name] = "no-such-value"
    try:
        read()
    except ValueError as error:
        text = str(error)
        if "invalid literal for int" in text:
            return ["integer"]
        if "could not convert string to float" in text:
            return ["number"]
        choices = re.search(r"[Vv]alid options: (\[.*\])", text)
        return [_choice(name, read, ast.literal_eval(choices[1]))] if choices else ["text"]
    except Exception:
        return ["text"]
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
    return ["text"]


def _choice(name: str, read: Any, choices: list[str]) -> dict[str, Any]:
    """The values of a variable, and whether it takes them in capitals too."""
    word = max(choices, key=len)
    os.environ[name] = word.swapcase()
    try:
        read()
    except ValueError:
        return {"choices": choices}
    return {"choices": choices, "folded": True}


def build_schema() -> dict[str, Any]:
    import vllm

    version = vllm.__version__.partition("+")[0]
    dump = Dump()
    flags = dump.flags()
    _warned(flags)
    exclusive, requires = _relations(flags)
    return {
        "engine": "vllm",
        "version": version,
        "made": f"by scripts/dump_engine_schema.py from the package's own parser, types and registries; vllm {vllm.__version__}"
        f", Python {platform.python_version()}",
        "flags": dict(sorted(flags.items())),
        "names": _names(),
        "exclusive": exclusive,
        "requires": requires,
        "request": _request(),
        "environment": _environment(),
        "configs": dict(sorted(dump.configs.items())),
    }


def write_schema(schema: dict[str, Any], path: Path) -> None:
    """One line per flag, variable and class: a diff of two versions can be read."""
    parts = []
    for key, value in schema.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"{json.dumps(name)}:{json.dumps(item, separators=(',', ':'))}" for name, item in value.items())
            parts.append(f"{json.dumps(key)}:{{\n{lines}\n}}")
        else:
            parts.append(f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}")
    path.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


def main() -> None:
    sys.argv.remove("--help")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path(__file__).parents[1] / "slipway/engines/schemas", help="the folder to write to")
    options = parser.parse_args()
    sys.argv.append("--help")
    schema = build_schema()
    path = options.to / f"vllm-{schema['version']}.json"
    write_schema(schema, path)
    print(f"{path}: {len(schema['flags'])} flags, {len(schema['environment'])} variables, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
