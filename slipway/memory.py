"""Holds a launch against this machine's memory: refuses what cannot fit, and leaves the context to vLLM where the full one will not.

What is not known, of the model or of the machine, never stops a launch. A refusal counts only what is certain: weights,
and the cache of one request. The estimates (activations, graphs) decide no more than whether a context is proposed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from slipway.configuration import Configuration, Sources, read_configuration
from slipway.engines import build_plan
from slipway.errors import ConfigError, Problem
from slipway.fit.advice import find_remedies, rounded_context, why_not
from slipway.fit.caches import UnknownCacheFormat
from slipway.fit.devices import Device, gpu_device
from slipway.fit.facts import NoFacts, find_facts
from slipway.fit.host import read_cpu
from slipway.fit.pool import CannotPool
from slipway.fit.prediction import Host, Model, Prediction, predict, why_not_split
from slipway.fit.subject import Subject, read_subject
from slipway.hardware import Hardware
from slipway.layers import Layer, Value
from slipway.plan import SLIPWAY, Site

_CONTEXT = "--max-model-len"
# vLLM measures what is left, and takes the longest context that it holds (vllm/v1/core/kv_cache_utils.py, _auto_fit_max_model_len)
_LONGEST = "auto"


@dataclass(frozen=True)
class Machine:
    """What is fitted into, and on a CPU what its numbers depend on."""

    device: Device
    host: Host = field(default_factory=Host)


def planned_subject(sources: Sources, configuration: Configuration) -> Subject:
    """The engine of `configuration` as a launch would start it."""
    site = Site(root=str(sources.models.parent), generated="/", secrets="/")
    engine = build_plan(configuration, sources.hardware, site).engines[0]
    return read_subject(engine.argv, engine.env)


def find_machine(hardware: Hardware) -> Machine | None:
    """None where the memory is not known."""
    if hardware.device != "cpu":
        return Machine(gpu_device(hardware.gpu)) if hardware.gpu and hardware.gpu.memory else None
    device, host = read_cpu()
    return Machine(device, host) if device else None


def share_of_context(sources: Sources, configuration: Configuration, environ: Mapping[str, str]) -> float | None:
    """How much of its context a configuration likely holds on this machine, at most 1; None where the numbers are not known."""
    try:
        subject = planned_subject(sources, configuration)
    except ConfigError:
        return None
    known = _known(sources, subject, environ)
    if known is None:
        return None
    facts, machine = known
    likely = predict(facts, machine.device, subject.options, machine.host)
    return min(1.0, likely.longest / likely.context) if likely.context else None


def fit_launch(sources: Sources, configuration: Configuration, environ: Mapping[str, str]) -> tuple[Configuration, str]:
    """The configuration that a launch should use, and what to say about it. Raises ConfigError for what cannot fit."""
    subject = planned_subject(sources, configuration)
    known = _known(sources, subject, environ)
    if known is None:
        return configuration, ""
    facts, machine = known
    certain = predict(facts, machine.device, subject.options, machine.host, certain=True)
    chosen = bool(subject.options.max_model_len)
    if not (certain.fits if chosen else certain.longest):
        raise _refusal(sources, configuration, certain, machine)
    likely = predict(facts, machine.device, subject.options, machine.host)
    if chosen or likely.fits:
        return configuration, ""
    return _with_longest_context(sources, configuration), _proposal(configuration, likely)


def propose_context(sources: Sources, configuration: Configuration, environ: Mapping[str, str]) -> tuple[Configuration, str]:
    """The same for whoever starts nothing: nothing is refused."""
    try:
        return fit_launch(sources, configuration, environ)
    except ConfigError:
        return configuration, ""


def _known(sources: Sources, subject: Subject, environ: Mapping[str, str]) -> tuple[Model, Machine] | None:
    machine = find_machine(sources.hardware)
    try:
        facts = find_facts(subject.model, sources.models, sources.hub_environ(environ))
        if machine is None or facts is None or not facts.architecture.known or why_not_split(facts, subject.options):
            return None
        predict(facts, machine.device, subject.options, machine.host)
    except (NoFacts, UnknownCacheFormat, CannotPool):
        return None
    return facts, machine


def _with_longest_context(sources: Sources, configuration: Configuration) -> Configuration:
    layer = Layer(str(SLIPWAY), {_CONTEXT: Value(_LONGEST, 0, _CONTEXT)})
    known = sources.hardware
    return read_configuration(replace(sources, strong=(*sources.strong, layer), detect=lambda _: known), configuration.recipe.name)


def _proposal(configuration: Configuration, likely: Prediction) -> str:
    about = f", about {rounded_context(likely.longest):,}" if likely.longest else ""
    return (
        f"{configuration.recipe.name}: the full context of {likely.context:,} tokens will not fit on {_place(likely)};"
        f" vLLM will take the longest that does{about} ({_CONTEXT}={_LONGEST}; -o {_CONTEXT}=N chooses)"
    )


def _refusal(sources: Sources, configuration: Configuration, certain: Prediction, machine: Machine) -> ConfigError:
    recipe = configuration.recipe
    message = f"{recipe.name} cannot fit on {_place(certain)}: {why_not(certain)}"
    likely = predict(certain.model, machine.device, certain.options, machine.host)
    ways = [f"{remedy.what} ({' '.join(remedy.flags)})" for remedy in find_remedies(likely, host=machine.host)]
    helps = f"what would: {', '.join(ways)}; " if ways else ""
    return ConfigError(
        [Problem(recipe.path, recipe.command.line, message)],
        hint=f"{helps}./runMe.sh fit {recipe.name} shows the whole sum; --force launches it all the same",
    )


def _place(prediction: Prediction) -> str:
    device = prediction.device
    return "this machine" if device.kind == "cpu" else f"{prediction.options.gpus} x {device.name}"
