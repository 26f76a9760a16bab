"""One model's configuration: its recipe and the settings that all layers together give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import ConfigError, Problem, UsageError
from slipway.layers import Layer, read_defaults, read_environ, read_overrides, read_vars
from slipway.recipe import Recipe, model_names, read_recipe
from slipway.resolve import Settings, resolve_settings
from slipway.yaml_document import read_text

VARS_FILES = ("vars.env", "vars.local.env")


@dataclass(frozen=True)
class Sources:
    """Every layer but the model file's, read once: `weak` ones lose to a model file, `strong` ones win over it."""

    models: Path
    weak: tuple[Layer, ...]
    strong: tuple[Layer, ...]

    @property
    def globals(self) -> Settings:
        """The settings before any model file has its say."""
        return resolve_settings([*self.weak, *self.strong])


@dataclass(frozen=True)
class Configuration:
    recipe: Recipe
    settings: Settings


def read_sources(root: Path, environ: Mapping[str, str], overrides: Sequence[str] = ()) -> Sources:
    """Read the defaults, `root`'s vars files, the process environment and the `-o` options."""
    files = [_read_vars(root / name, environ) for name in VARS_FILES if (root / name).is_file()]
    return Sources(root / "models", (read_defaults(), *files), (read_environ(environ), read_overrides(overrides)))


def _read_vars(path: Path, environ: Mapping[str, str]) -> Layer:
    text, problem = read_text(path, path.name)
    return Layer(path.name, {}, (problem,)) if problem else read_vars(path.name, text, environ)


def read_configuration(sources: Sources, name: str = "") -> Configuration:
    """Configure model `name`, or the one that MODEL names. Raises ConfigError with every problem, UsageError for no such model."""
    model = name or sources.globals.text("MODEL")
    recipe, problems = read_recipe(sources.models, model)
    layers = [*sources.weak, *([recipe.layer()] if recipe else []), *sources.strong]
    settings = resolve_settings(layers)
    problems = [*problems, *settings.problems]
    if problems or recipe is None:
        raise ConfigError(problems)
    return Configuration(recipe, settings)


def check_library(sources: Sources, names: Sequence[str] = ()) -> tuple[dict[str, Configuration], list[Problem]]:
    """Configure every model file, or those in `names`; gives the good ones and all problems of all files."""
    good: dict[str, Configuration] = {}
    problems: list[Problem] = []
    taken: dict[str, str] = {name: f"models/{name}.yml" for name in model_names(sources.models)}
    for name in names or model_names(sources.models):
        try:
            configuration = read_configuration(sources, name)
        except ConfigError as error:
            problems += error.problems
            continue
        except UsageError as error:
            problems.append(Problem(f"models/{name}.yml", 0, error.message, error.hint))
            continue
        problems += _alias_clashes(configuration.recipe, taken)
        good[name] = configuration
    return good, sorted(set(problems))


def _alias_clashes(recipe: Recipe, taken: dict[str, str]) -> list[Problem]:
    problems = []
    for alias, line in zip(recipe.aliases, recipe.alias_lines, strict=True):
        if alias in taken and taken[alias] != recipe.path:
            problems.append(Problem(recipe.path, line, f"the alias {alias} is taken by {taken[alias]}"))
        taken.setdefault(alias, recipe.path)
    return problems
