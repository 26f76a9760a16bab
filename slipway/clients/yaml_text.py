"""Changes values in YAML text, and leaves every other character as it is: a top-level key, or an entry of a top-level list."""

from __future__ import annotations

from typing import Any

import yaml


def set_value(text: str, place: tuple[str | tuple[str, str], ...], value: Any) -> str:
    """`text` with `value` at `place`: (key,) or (key, (name, wanted)). Raises ValueError."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise ValueError("there is no mapping at the top")
    key, *rest = place
    found = next((node for name, node in (root.value if root else ()) if name.value == key), None)
    if not rest:
        return _set_key(text, str(key), found, value)
    step = rest[0]
    assert isinstance(step, tuple)
    return _set_entry(text, str(key), found, step, value)


def _set_key(text: str, key: str, found: yaml.Node | None, value: Any) -> str:
    if found is None:
        return _with_end(text) + _dump({key: value})
    if not isinstance(found, yaml.ScalarNode):
        raise ValueError(f"{key}: there is a list or a mapping where a single value should be")
    if yaml.safe_load(text[found.start_mark.index : found.end_mark.index]) == value:
        return text
    return text[: found.start_mark.index] + _dump({"x": value})[2:].strip() + text[found.end_mark.index :]


def _set_entry(text: str, key: str, found: yaml.Node | None, step: tuple[str, str], value: Any) -> str:
    if found is None:
        return _with_end(text) + _dump({key: [value]})
    if isinstance(found, yaml.ScalarNode) and found.value in ("", "null", "~"):
        return text[: found.start_mark.index].rstrip(" ") + "\n" + _dump([value]) + text[found.end_mark.index :].removeprefix("\n")
    if not isinstance(found, yaml.SequenceNode) or found.flow_style:
        raise ValueError(f"{key}: there is no list of the form '- …'")
    indent = " " * found.start_mark.column
    new = _dump([value]).rstrip("\n").replace("\n", "\n" + indent)
    for number, node in enumerate(found.value):
        fields = {name.value: item.value for name, item in node.value} if isinstance(node, yaml.MappingNode) else {}
        if fields.get(step[0]) == step[1]:
            start, end = text.rfind("-", 0, node.start_mark.index), _end(node)
            return text if yaml.safe_load(text)[key][number] == value else text[:start] + new + text[end:]
    end = text.find("\n", _end(found))
    head, tail = (text, "\n") if end < 0 else (text[:end], text[end:])
    return f"{head}\n{indent}{new}{tail}"


def _end(node: yaml.Node) -> int:
    """Where the last scalar of a node ends: a block's own end mark lies behind the comments that follow it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _end(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    return int(node.end_mark.index)


def _with_end(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _dump(value: Any) -> str:
    dumped: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return dumped
