"""The spellings of vLLM's flags: one flag has one name, however it is written."""

from __future__ import annotations

# Short spellings, so that `-tp 2 --tensor-parallel-size 4` is seen as the same flag twice.
SHORT_FLAGS = {
    "-tp": "--tensor-parallel-size",
    "-pp": "--pipeline-parallel-size",
    "-dp": "--data-parallel-size",
    "-q": "--quantization",
    "-cc": "--compilation-config",
}


def canonical_name(token: str) -> str:
    """The long name of a flag: `--max_model_len=8` and `--max-model-len` are the same, `-tp` is a short form."""
    name = token.partition("=")[0]
    if name.startswith("--"):
        head, dot, tail = name[2:].partition(".")
        return "--" + head.replace("_", "-") + dot + tail
    return SHORT_FLAGS.get(name, name)


def base_name(name: str) -> str:
    """A canonical name without its negation: `--no-x` is the other side of `--x`."""
    return "--" + name[5:] if name.startswith("--no-") else name
