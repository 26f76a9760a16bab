"""Inference servers, one module each; ENGINES is the list of those that exist."""

from __future__ import annotations

from slipway.configuration import Configuration
from slipway.engines import vllm
from slipway.engines.base import Engine
from slipway.hardware import Hardware
from slipway.plan import EngineRequest, Plan, Site, assemble_plan

ENGINES: dict[str, Engine] = {"vllm": vllm.ENGINE}


def build_plan(configuration: Configuration, hardware: Hardware, site: Site) -> Plan:
    """Plan everything for one model. Raises ConfigError."""
    request = EngineRequest(configuration.recipe, configuration.settings, hardware, site)
    return assemble_plan(configuration, hardware, (ENGINES["vllm"].build_plan(request),))
