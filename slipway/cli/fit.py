"""`fit`: whether a model fits, how long a context, how many requests at once; and if it does not, what would make it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from slipway.cli.context import App, make_app, with_overrides
from slipway.cli.tables import format_bytes, format_table
from slipway.configuration import configure, read_configuration
from slipway.errors import UsageError
from slipway.recipe import model_names, read_recipe
from slipway.settings import parse_size

if TYPE_CHECKING:
    from slipway.fit.advice import Remedy
    from slipway.fit.devices import Device
    from slipway.fit.engine import EngineOptions
    from slipway.fit.prediction import Host, Model, Prediction
    from slipway.fit.subject import Subject
    from slipway.memory import Machine

_BAR = 60  # characters
_FILLS = {"weights": "█", "activations": "▓", "CUDA graphs": "▓", "runtime": "▓", "KV cache": "▒"}
_COLOURS = {"weights": "blue", "activations": "yellow", "CUDA graphs": "yellow", "runtime": "yellow", "KV cache": "green"}


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
    from slipway.fit.advice import find_remedies, survey
    from slipway.fit.report import as_data

    wished = [f"GPU={gpu}"] if gpu else []
    app = make_app((*overrides, *wished, *([f"GPUS={gpus}"] if gpus else [])))
    name = model or app.sources.globals.text("MODEL")
    changes = _Changes(gpus or 0, _tokens(context), cache_dtype)
    subject = changes.apply(_subject(app, name))
    facts = _facts(app, subject.model)
    machine = _machine(app)
    device, host = machine.device, machine.host
    prediction = _predict(facts, device, subject, host)
    remedies = [] if prediction.fits else find_remedies(prediction, _variants(app, name, changes), host)
    elsewhere = survey(facts, subject.options) if device.kind == "cpu" else []
    if as_json:
        click.echo(json.dumps(as_data(name, prediction, remedies, elsewhere), indent=2))
    else:
        click.echo("\n".join(_text(name, prediction, remedies, elsewhere)))
    if not prediction.fits:
        raise click.exceptions.Exit(3)


@dataclass(frozen=True)
class _Changes:
    """What the options say instead of the model file."""

    gpus: int
    context: int
    cache_dtype: str

    def apply(self, subject: Subject) -> Subject:
        from slipway.fit.subject import changed

        return changed(subject, gpus=self.gpus, context=self.context, cache_dtype=self.cache_dtype)


def _tokens(text: str) -> int:
    try:
        return parse_size(text) if text else 0
    except ValueError as error:
        raise UsageError(f"--context {error}") from None


def _is_recipe(app: App, name: str) -> bool:
    return "/" not in name or name in model_names(app.sources.models)


def _subject(app: App, name: str) -> Subject:
    """A model file's engine as a launch would start it; for a hub id or a folder, an engine without flags."""
    from slipway.fit.engine import EngineOptions
    from slipway.fit.subject import Subject
    from slipway.memory import planned_subject

    if _is_recipe(app, name):
        return planned_subject(app.sources, read_configuration(app.sources, name))
    share = app.sources.globals.value("GPU_MEMORY_UTILIZATION")
    return Subject(name, EngineOptions(utilization=share if isinstance(share, float) else EngineOptions.utilization))


def _variants(app: App, name: str, changes: _Changes) -> list[tuple[str, Model, EngineOptions]]:
    """The model file's other variants, as far as their facts are on this machine."""
    from slipway.fit.facts import NoFacts, find_facts
    from slipway.memory import planned_subject

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
    from slipway.cli.hub import open_hub
    from slipway.errors import FactsError
    from slipway.fit.facts import NoFacts, find_facts
    from slipway.fit.hub import fetch_model

    try:
        found = find_facts(model, app.sources.models, app.hub_environ) or fetch_model(model, open_hub(model, app))
    except NoFacts as error:
        raise FactsError(f"the memory of {model} cannot be predicted: {error}") from error
    if found is None:
        raise FactsError(
            f"nothing is known of {model}: no folder, not in Hugging Face's cache, no file in models/facts/, and not on the hub",
            hint="put its config.json into a folder, and name the folder",
        )
    return found


def _machine(app: App) -> Machine:
    from slipway.memory import find_machine

    found = find_machine(app.hardware())
    if found is None:
        raise UsageError("this machine does not say how much memory it has", hint="name a GPU or its memory: --gpu h200, --gpu 48GiB")
    return found


def _predict(facts: Model, device: Device, subject: Subject, host: Host) -> Prediction:
    from slipway.fit.caches import UnknownCacheFormat
    from slipway.fit.pool import CannotPool
    from slipway.fit.prediction import predict, why_not_split

    if reason := why_not_split(facts, subject.options):
        raise UsageError(f"vLLM would not start: {reason}")
    try:
        return predict(facts, device, subject.options, host)
    except (UnknownCacheFormat, CannotPool) as error:
        raise UsageError(f"the KV cache cannot be predicted: {error}") from error


def _text(name: str, prediction: Prediction, remedies: list[Remedy], elsewhere: list[tuple[Device, Prediction | None]]) -> list[str]:
    return [
        *_head(name, prediction),
        "",
        *_parts(prediction),
        "",
        *_cache(prediction),
        *_verdict(prediction, remedies),
        *_elsewhere(elsewhere),
        *_notes(prediction),
    ]


def _head(name: str, prediction: Prediction) -> list[str]:
    device, options, model = prediction.device, prediction.options, prediction.model
    count = f"{options.gpus} × " if device.kind != "cpu" else "the "
    shape = f", {options.tensor_parallel} tensor parallel" if options.tensor_parallel > 1 else ""
    shape += f", {options.pipeline_parallel} stages" if options.pipeline_parallel > 1 else ""
    quantization = f" in {model.quantization.packing.name}" if model.quantization else ""
    title = model.name if name == model.name else f"{name} ({model.name})"
    return [
        f"{title} on {count}{device.name} of {format_bytes(device.memory)}{shape}",
        f"{prediction.weights.parameters / 1e9:.3g} billion parameters{quantization}; facts from {model.origin}",
    ]


def _parts(prediction: Prediction) -> list[str]:
    from slipway.fit.report import list_parts

    parts = list_parts(prediction)
    whole = max(prediction.device.memory, sum(part.size for part in parts))
    rows = [
        (part.name, format_bytes(part.size), f"{part.size / prediction.device.memory:.0%}", "estimate" if part.estimated else "")
        for part in parts
    ]
    free = prediction.device.memory - sum(part.size for part in parts)
    if free > 0:
        rows.append(("left to others", format_bytes(free), f"{free / prediction.device.memory:.0%}", ""))
    each = "of each GPU" if prediction.options.gpus > 1 else "memory"
    bar = ""
    drawn = 0
    taken = 0
    for part in parts:
        taken += part.size
        length = round(_BAR * taken / whole) - drawn
        drawn += length
        bar += click.style(_FILLS[part.name] * length, fg=_COLOURS[part.name])
    return [format_table((each, "size", "share", ""), rows, right=(1, 2)), "", f"[{bar}{'·' * (_BAR - drawn)}]"]


def _cache(prediction: Prediction) -> list[str]:
    held = prediction.holding
    uses = [(held.per_token, "for each token"), (held.windows, "of windows for each request"), (held.states, "of states for each request")]
    dtype = "16 bits" if prediction.cache_dtype == "auto" else prediction.cache_dtype
    lines = [f"KV cache in {dtype}: {', '.join(f'{format_bytes(round(size))} {what}' for size, what in uses if size)}"]
    if prediction.fits:
        several = f"{prediction.capacity.concurrency:.1f} requests of {prediction.context:,} at once"
        lines.append(f"it holds {prediction.capacity.tokens:,} tokens: {several}")
    return lines


def _verdict(prediction: Prediction, remedies: list[Remedy]) -> list[str]:
    from slipway.fit.advice import recommended_flags, smallest, why_not

    if prediction.fits:
        lines = [f"{click.style('fits', fg='green')}: {prediction.context:,} tokens of context; the longest is {prediction.longest:,}"]
        fewest = smallest(prediction.model, prediction.device, prediction.options) if prediction.device.kind != "cpu" else None
        if fewest and fewest.options.gpus < prediction.options.gpus:
            lines.append(f"the smallest number of these GPUs is {fewest.options.gpus}")
        return [*lines, f"flags: {' '.join(recommended_flags(prediction))}"]
    lines = [f"{click.style('does not fit', fg='red')}: {why_not(prediction)}"]
    if not remedies:
        return [*lines, "no shorter context, smaller cache or number of these GPUs up to 16 would do"]
    rows = [
        (remedy.what, " ".join(remedy.flags), f"{remedy.prediction.context:,}", f"{remedy.prediction.capacity.concurrency:.1f}")
        for remedy in remedies
    ]
    return [*lines, "", format_table(("what would fit", "flags", "context", "requests at once"), rows, right=(2, 3))]


def _elsewhere(survey: list[tuple[Device, Prediction | None]]) -> list[str]:
    if not survey:
        return []
    rows = [
        (device.name, format_bytes(device.memory), str(found.options.gpus), f"{found.capacity.concurrency:.1f}")
        if found
        else (device.name, format_bytes(device.memory), "more than 16", "")
        for device, found in survey
    ]
    return ["", format_table(("on GPUs", "memory", "smallest number", "requests at once"), rows, right=(1, 2, 3))]


def _notes(prediction: Prediction) -> list[str]:
    notes = list(prediction.model.notes)
    if not prediction.model.architecture.known:
        notes.append(f"{prediction.model.architecture.family!r} is no family that this version knows: read as plain attention")
    if prediction.options.draft and not prediction.options.uses_draft_head:
        notes.append(f"the draft model of --speculative-config ({prediction.options.draft}) is not counted")
    if prediction.device.unified:
        notes.append("the GPU shares this memory with the operating system and every program")
    if prediction.device.kind != "cpu":
        notes.append("activations, CUDA graphs and runtime are estimates; vLLM measures them at start")
    return ["", *[f"note: {note}" for note in notes]] if notes else []
