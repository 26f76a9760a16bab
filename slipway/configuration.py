"""One model's configuration: its recipe and the settings that all layers together give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from slipway.errors import ConfigError, Problem, UsageError
from slipway.gpus import parse_gpus
from slipway.hardware import Hardware, Wish, read_hardware
from slipway.layers import Layer, read_defaults, read_environ, read_overrides, read_vars
from slipway.overlay import BASE
from slipway.recipe import Profile, Recipe, model_names, read_recipe
from slipway.requirements import unmet_by_hardware
from slipway.resolve import Settings, resolve_settings
from slipway.yaml_document import read_text

VARS_FILES = ("vars.env", "vars.local.env")

_PARALLEL = ("--tensor-parallel-size", "--pipeline-parallel-size", "--data-parallel-size")


@dataclass(frozen=True)
class Sources:
    """Every layer but the model file's, read once: `weak` ones lose to a model file, `strong` ones win over it.

    `detect` looks at the machine; it is asked once, and only where hardware matters. `judge` says how much of its context a
    configuration holds on the machine, 1 for all of it; None where the numbers are not known.
    """

    models: Path
    weak: tuple[Layer, ...]
    strong: tuple[Layer, ...]
    detect: Callable[[Wish], Hardware] = read_hardware
    judge: Callable[[Sources, Configuration], float | None] | None = None

    @cached_property
    def globals(self) -> Settings:
        """The settings before any model file has its say."""
        return resolve_settings([*self.weak, *self.strong])

    def hub_environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """`environ` with the HF_* variables of every layer: the engine looks for models with them, and so does Slipway."""
        given = self.globals.starting_with("env.HF_")
        return {**environ, **{name.removeprefix("env."): str(item.value) for name, item in given.items()}}

    @cached_property
    def hardware(self) -> Hardware:
        """What is planned for: the machine, or what ENGINE_DEVICE, GPU and GPUS say instead."""
        wished = self.globals
        return self.detect(Wish(wished.text("ENGINE_DEVICE"), wished.text("GPU"), parse_gpus(wished.text("GPUS"))[0]))


@dataclass(frozen=True)
class Configuration:
    """A recipe as it will run: one variant, adapted to the hardware. `profiles` has the settings of each profile's routes."""

    recipe: Recipe
    settings: Settings
    profiles: Mapping[str, Settings] = field(default_factory=dict)

    def flag_value(self, name: str) -> str:
        """The value of an engine flag, from `-o` or from the model file; empty where it is not given."""
        flag = self.recipe.command.flag(name)
        return self.settings.text(name) or (flag.value if flag else "")

    @property
    def gpus_used(self) -> int:
        """The number of GPUs that the engine's parallel flags add up to."""
        return _gpus_used(self.recipe, self.settings)


def read_sources(
    root: Path, environ: Mapping[str, str], overrides: Sequence[str] = (), detect: Callable[[Wish], Hardware] = read_hardware
) -> Sources:
    """Read the defaults, `root`'s vars files, the process environment and the `-o` options."""
    files = [_read_vars(root / name, environ) for name in VARS_FILES if (root / name).is_file()]
    return Sources(root / "models", (read_defaults(), *files), (read_environ(environ), read_overrides(overrides)), detect)


def _read_vars(path: Path, environ: Mapping[str, str]) -> Layer:
    text, problem = read_text(path, path.name)
    return Layer(path.name, {}, (problem,)) if problem else read_vars(path.name, text, environ)


def read_configuration(sources: Sources, name: str = "") -> Configuration:
    """Configure model `name`, or the one that MODEL names, as the variant that VARIANT names or that fits.

    Raises ConfigError with every problem, UsageError for no such model.
    """
    recipe, problems = read_recipe(sources.models, name or sources.globals.text("MODEL"))
    problems = [*problems, *sources.globals.problems]
    if problems or recipe is None:
        raise ConfigError(problems)
    return configure(sources, recipe, choose_variant(sources, recipe), sources.hardware.names)


def configure(sources: Sources, recipe: Recipe, variant: str, hardware: tuple[str, ...]) -> Configuration:
    """Configure a variant of a recipe for hardware of these names. Raises ConfigError with every problem of the layers."""
    adapted = recipe.adapt(variant, hardware)
    settings = resolve_settings([*sources.weak, adapted.layer(), *sources.strong])
    profiles = {profile.name: _profile_settings(sources, adapted, profile, settings) for profile in adapted.profiles}
    problems = {problem for found in (settings, *profiles.values()) for problem in found.problems}
    if problems:
        raise ConfigError(problems)
    return Configuration(adapted, settings, profiles)


def _profile_settings(sources: Sources, recipe: Recipe, profile: Profile, settings: Settings) -> Settings:
    """The settings of a profile's routes: only the keys that the profile names can differ from the model's own."""
    keys = profile.layer(recipe.path).values.keys()
    layers = [*sources.weak, recipe.layer(), profile.layer(recipe.path), *sources.strong]
    own = resolve_settings([Layer(layer.label, {key: layer.values[key] for key in keys if key in layer.values}) for layer in layers])
    return Settings({**settings.items, **own.items}, own.problems)


def choose_variant(sources: Sources, recipe: Recipe) -> str:
    """VARIANT; else the first form, the command as it stands before the variants, that the machine can run with its whole context.

    What it can run is what meets `requires:`. Where the whole context fits in none of them, it is the first that is not known
    not to fit; where there is none, or the hardware is not known, the command as it stands. Raises ConfigError for an unknown VARIANT.
    """
    wanted = sources.globals.text("VARIANT")
    if wanted and wanted not in recipe.variant_names:
        source = sources.globals.source("VARIANT")
        known = f"variants: {', '.join(recipe.variant_names)}"
        raise ConfigError([Problem(source.label, source.line, f"VARIANT={wanted}: {recipe.path} has no such variant", known)])
    if wanted or not recipe.variants:
        return wanted or BASE
    shares: dict[str, float | None] = {}
    for name in recipe.variant_names:
        adapted = recipe.adapt(name, sources.hardware.names)
        if unmet_by_hardware(adapted.requires, sources.hardware, _gpus_used(adapted, sources.globals)):
            continue
        share = sources.judge(sources, configure(sources, recipe, name, sources.hardware.names)) if sources.judge else None
        if (share is None and name == BASE) or (share is not None and share >= 1):
            return name
        shares[name] = share
    return next((name for name, share in shares.items() if share != 0), BASE)


def _gpus_used(recipe: Recipe, settings: Settings) -> int:
    count = 1
    for name in _PARALLEL:
        flag = recipe.command.flag(name)
        text = settings.text(name) or (flag.value if flag else "")
        count *= int(text) if text.isdecimal() and int(text) else 1
    return count


def read_library(sources: Sources, names: Sequence[str] = ()) -> tuple[dict[str, Recipe], list[Problem]]:
    """Read every model file, or those in `names`; gives the good ones, and the problems of all files and of the other layers."""
    recipes: dict[str, Recipe] = {}
    problems: list[Problem] = list(sources.globals.problems)
    taken: dict[str, str] = {name: f"models/{name}.yml" for name in model_names(sources.models)}
    for name in names or model_names(sources.models):
        try:
            recipe, found = read_recipe(sources.models, name)
        except UsageError as error:
            problems.append(Problem(f"models/{name}.yml", 0, error.message, error.hint))
            continue
        problems += found
        if recipe:
            problems += _alias_clashes(recipe, taken)
            recipes[name] = recipe
    return recipes, sorted(set(problems))


def check_library(sources: Sources, names: Sequence[str] = ()) -> tuple[dict[str, Configuration], list[Problem]]:
    """Configure every model file, or those in `names`; gives the good ones and all problems of all files.

    A VARIANT that a file does not have is no mistake of the file, which is then taken as it stands.
    """
    recipes, problems = read_library(sources, names)
    good: dict[str, Configuration] = {}
    if sources.globals.problems:
        return good, problems
    for name, recipe in recipes.items():
        wanted = sources.globals.text("VARIANT")
        variant = BASE if wanted and wanted not in recipe.variant_names else choose_variant(sources, recipe)
        try:
            good[name] = configure(sources, recipe, variant, sources.hardware.names)
        except ConfigError as error:
            problems += error.problems
    return good, sorted(set(problems))


def _alias_clashes(recipe: Recipe, taken: dict[str, str]) -> list[Problem]:
    problems = []
    for alias, line in zip(recipe.aliases, recipe.alias_lines, strict=True):
        if alias in taken and taken[alias] != recipe.path:
            problems.append(Problem(recipe.path, line, f"the alias {alias} is taken by {taken[alias]}"))
        taken.setdefault(alias, recipe.path)
    return problems
