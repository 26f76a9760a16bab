"""What a planned engine asks for: its model and its options, from the command line and environment that it will run with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from slipway.fit.advice import with_gpus
from slipway.fit.engine import EngineOptions, flag_values, read_options


@dataclass(frozen=True)
class Subject:
    """`model` is a hub id or a folder."""

    model: str
    options: EngineOptions


def read_subject(argv: Sequence[str], environ: Mapping[str, str]) -> Subject:
    """From `vllm serve MODEL FLAGS…` as a plan holds it."""
    return Subject(argv[2], read_options(flag_values(argv[3:]), environ))


def changed(subject: Subject, *, gpus: int = 0, context: int = 0, cache_dtype: str = "") -> Subject:
    """The same engine with another number of GPUs, context or cache; 0 and empty leave what it has."""
    options = with_gpus(subject.options, gpus) if gpus else subject.options
    if context:
        options = replace(options, max_model_len=context)
    if cache_dtype:
        options = replace(options, cache_dtype=cache_dtype)
    return replace(subject, options=options)
