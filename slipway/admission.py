"""Refuses a launch of what a model file says this machine or this vLLM cannot run; nothing has been started by then."""

from __future__ import annotations

from slipway.configuration import Configuration, Sources
from slipway.errors import ConfigError, Problem
from slipway.requirements import unmet_by_engine, unmet_by_hardware


def check_runs_locally(configuration: Configuration) -> None:
    """Raises ConfigError for a model that only a container can run."""
    if configuration.recipe.extra_packages:
        message = "extra_packages needs RUNTIME=docker: it adds them to the engine's image"
        raise ConfigError([Problem(configuration.recipe.path, configuration.recipe.packages_line, message)])


def check_requirements(sources: Sources, configuration: Configuration, engine_version: str) -> None:
    """Raises ConfigError for each part of `requires:` that is not met. What is not known, such as an empty version, is taken to be."""
    recipe, hardware = configuration.recipe, sources.hardware
    unmet = unmet_by_engine(recipe.requires, engine_version) + unmet_by_hardware(recipe.requires, hardware, configuration.gpus_used)
    if not unmet:
        return
    shown = recipe.name if recipe.variant == "base" else f"{recipe.name} ({recipe.variant})"
    problems = [Problem(recipe.path, item.line, f"{shown} cannot run here: {item.message}") for item in unmet]
    way_out = "MODEL=demo runs without one; " if hardware.device == "cpu" else _variants_hint(configuration)
    raise ConfigError(problems, hint=f"{way_out}--force launches it all the same")


def _variants_hint(configuration: Configuration) -> str:
    names = [name for name in configuration.recipe.variant_names if name != configuration.recipe.variant]
    return f"its other variants, for VARIANT=, are {', '.join(names)}; " if names else ""
