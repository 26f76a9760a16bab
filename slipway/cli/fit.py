"""`fit`: whether a model fits, how long a context, how many requests at once; and if it does not, what would make it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import click

from slipway.cli.context import App, make_app, with_overrides
from slipway.cli.fit_text import fit_text
from slipway.cli.hub import open_hub
from slipway.configuration import configure, read_configuration
from slipway.engines import check_flag
from slipway.errors import ConfigError, FactsError, UsageError
from slipway.fit.advice import find_remedies, survey
from slipway.fit.caches import UnknownCacheFormat
from slipway.fit.engine import EngineOptions
from slipway.fit.facts import NoFacts, find_facts
from slipway.fit.hub import fetch_model
from slipway.fit.pool import CannotPool
from slipway.fit.prediction import Model, Prediction, predict, why_not_split
from slipway.fit.report import as_data
from slipway.fit.subject import Subject, changed
from slipway.gpus import parse_gpu
from slipway.memory import Machine, find_machine, planned_subject
from slipway.recipe import model_names, read_recipe
from slipway.settings import parse_size

_Value = TypeVar("_Value")


@click.command("fit")
@click.argument("model", required=False, default="")
@click.option("--gpu", metavar="NAME|SIZE", default="", help='A GPU by name ("h200", "rtx 4090") or memory (141GiB).')
@click.option("--gpus", type=click.IntRange(min=1), default=None, help="How many of them, as tensor parallel ranks.")
@click.option("--context", metavar="TOKENS", default="", help="The context length to ask for, such as 131072 or 128K.")
@click.option("--kv", "cache_dtype", metavar="DTYPE", default="", help="The KV cache's type, such as fp8.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_overrides
def command(model: str, gpu: str, gpus: int | None, context: str, cache_dtype: str, as_json: bool, overrides: tuple[str, ...]) -> None:
    """Predict the memory of MODEL (a model file, a hub id or a folder); exit 3 when it does not fit."""
    _parsed("--gpu", parse_gpu, gpu)
    app = make_app((*overrides, *([f"GPU={gpu}"] if gpu else []), *([f"GPUS={gpus}"] if gpus else [])))
    name = model or app.sources.globals.text("MODEL")
    changes = _Changes(gpus or 0, _parsed("--context", parse_size, context) or 0, _cache_dtype(app, cache_dtype))
    subject = changes.apply(_subject(app, name))
    facts, machine = _facts(app, subject.model), _machine(app)
    prediction = _predict(facts, machine, subject)
    remedies = [] if prediction.fits else find_remedies(prediction, _variants(app, name, changes), machine.host)
    elsewhere = survey(facts, subject.options) if machine.device.kind == "cpu" else []
    if as_json:
        click.echo(json.dumps(as_data(name, prediction, remedies, elsewhere), indent=2))
    else:
        click.echo(fit_text(name, prediction, remedies, elsewhere))
    if not prediction.fits:
        raise click.exceptions.Exit(3)


def _parsed(option: str, parse: Callable[[str], _Value], text: str) -> _Value | None:
    """The option's value; None where it is not given. Raises UsageError."""
    try:
        return parse(text) if text else None
    except ValueError as error:
        raise UsageError(f"{option} {error}") from None


def _cache_dtype(app: App, text: str) -> str:
    """The same text, where this vLLM takes it for --kv-cache-dtype. Raises ConfigError."""
    found = check_flag("vllm", "--kv-cache-dtype", text, app.engine_version(app.sources.globals)) if text else None
    if found and found.errors:
        raise ConfigError(found.errors)
    return text


@dataclass(frozen=True)
class _Changes:
    """What the options say instead of the model file."""

    gpus: int
    context: int
    cache_dtype: str

    def apply(self, subject: Subject) -> Subject:
        return changed(subject, gpus=self.gpus, context=self.context, cache_dtype=self.cache_dtype)


def _is_recipe(app: App, name: str) -> bool:
    return "/" not in name or name in model_names(app.sources.models)


def _subject(app: App, name: str) -> Subject:
    """A model file's engine as a launch would start it; for a hub id or a folder, an engine without flags."""
    if _is_recipe(app, name):
        configuration = read_configuration(app.sources, name)
        app.preflight(configuration)
        return planned_subject(app.sources, configuration)
    share = app.sources.globals.value("GPU_MEMORY_UTILIZATION")
    return Subject(name, EngineOptions(utilization=share if isinstance(share, float) else EngineOptions.utilization))


def _variants(app: App, name: str, changes: _Changes) -> list[tuple[str, Model, EngineOptions]]:
    """The model file's other variants, as far as their facts are on this machine."""
    if not _is_recipe(app, name):
        return []
    chosen = read_configuration(app.sources, name).recipe.variant
    recipe, _ = read_recipe(app.sources.models, name)
    found = []
    for variant in recipe.variant_names if recipe else ():
        if variant == chosen or recipe is None:
            continue
        subject = changes.apply(planned_subject(app.sources, configure(app.sources, recipe, variant, app.hardware().names)))
        try:
            facts = find_facts(subject.model, app.sources.models, app.hub_environ)
        except NoFacts:
            continue
        if facts:
            found.append((variant, facts, subject.options))
    return found


def _facts(app: App, model: str) -> Model:
    try:
        found = find_facts(model, app.sources.models, app.hub_environ)
        if found is None and not re.fullmatch(r"[\w.-]*\w/[\w.-]+", model):
            raise UsageError(f"{model!r} is neither a folder with a config.json nor an id on the hub", hint="an id is ORGANIZATION/NAME")
        found = found or fetch_model(model, open_hub(model, app))
    except NoFacts as error:
        raise FactsError(f"the memory of {model} cannot be predicted: {error}") from error
    if found is None:
        raise FactsError(
            f"nothing is known of {model}: no folder, not in Hugging Face's cache, no file in models/facts/, and not on the hub",
            hint="put its config.json into a folder, and name the folder",
        )
    return found


def _machine(app: App) -> Machine:
    found = find_machine(app.hardware())
    if found is None:
        raise UsageError("this machine does not say how much memory it has", hint="name a GPU or its memory: --gpu h200, --gpu 48GiB")
    return found


def _predict(facts: Model, machine: Machine, subject: Subject) -> Prediction:
    if reason := why_not_split(facts, subject.options):
        raise UsageError(f"vLLM would not start: {reason}")
    try:
        return predict(facts, machine.device, subject.options, machine.host)
    except (UnknownCacheFormat, CannotPool) as error:
        raise UsageError(f"the KV cache cannot be predicted: {error}") from error
