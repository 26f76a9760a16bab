"""Inference servers, one module each; ENGINES is the list of those that exist."""

from __future__ import annotations

from collections.abc import Callable

from slipway.configuration import Configuration
from slipway.engines import vllm
from slipway.engines.base import Engine, Findings
from slipway.hardware import Hardware
from slipway.plan import Argument, EnginePlan, EngineRequest, Plan, Site, assemble_plan
from slipway.resolve import Source

ENGINES: dict[str, Engine] = {"vllm": vllm.ENGINE}


def check_plan(plan: Plan, version: str, read: Callable[[str], str]) -> Findings:
    """What the engines, of this version, would refuse or ignore of a plan; `read` gives the text of a file that a flag names.

    `version` is empty where it is not known.
    """
    found = Findings()
    for engine in plan.engines:
        found += ENGINES[engine.kind].check(engine, version, read)
    return found


def configured(plan: Plan, read: Callable[[str], str]) -> dict[str, tuple[Argument, ...]]:
    """Engine -> what configuration files that its command names say; `read` gives the text of a file."""
    return {engine.name: ENGINES[engine.kind].configured(engine, read) for engine in plan.engines}


def check_flag(kind: str, name: str, value: str, version: str) -> Findings:
    """What this version of an engine would refuse of one flag, where no model file stands behind it."""
    argument = Argument(name, (name, value), Source("command line"))
    return ENGINES[kind].check(EnginePlan("engine", kind, (argument,), (), (), "", ()), version, lambda path: "")


def build_plan(configuration: Configuration, hardware: Hardware, site: Site) -> Plan:
    """Plan everything for one model. Raises ConfigError."""
    request = EngineRequest(configuration.recipe, configuration.settings, hardware, site)
    return assemble_plan(configuration, hardware, (ENGINES["vllm"].build_plan(request),))


def describe_flag(kind: str, name: str, version: str) -> tuple[str, str, str] | None:
    """The engine's own default for a flag (empty where it has none), whose default it is, and what it takes; None for no flag."""
    return ENGINES[kind].describe_flag(name, version)
