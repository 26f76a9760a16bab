"""A prediction of `fit` for a person: a table and a bar of one GPU's memory, what fits, and what would."""

from __future__ import annotations

from collections.abc import Sequence

import click

from slipway.cli.tables import format_bytes, format_table
from slipway.fit.advice import Remedy, recommended_flags, smallest, why_not
from slipway.fit.devices import Device
from slipway.fit.prediction import Prediction
from slipway.fit.report import list_parts

Survey = Sequence[tuple[Device, Prediction | None]]

_BAR = 60  # characters
_FILLS = {"weights": "█", "activations": "▓", "CUDA graphs": "▓", "runtime": "▓", "KV cache": "▒"}
_COLOURS = {"weights": "blue", "activations": "yellow", "CUDA graphs": "yellow", "runtime": "yellow", "KV cache": "green"}


def fit_text(name: str, prediction: Prediction, remedies: Sequence[Remedy], elsewhere: Survey) -> str:
    """`elsewhere` is the smallest number of other GPUs, where this machine has none."""
    lines = [
        *_head(name, prediction),
        "",
        *_parts(prediction),
        "",
        *_cache(prediction),
        *_verdict(prediction, remedies),
        *_elsewhere(elsewhere),
        *_notes(prediction),
    ]
    return "\n".join(lines)


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


def _verdict(prediction: Prediction, remedies: Sequence[Remedy]) -> list[str]:
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


def _elsewhere(survey: Survey) -> list[str]:
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
