"""A model file, typed: the one place where what a person wrote becomes values the rest can trust."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipway.command import Command
from slipway.errors import Problem, UsageError
from slipway.layers import Layer, Value
from slipway.model_file import NAME_PATTERN, nearest, read_sections
from slipway.overlay import BASE, Overlay, Removal, apply_to_command, apply_to_env, find_removals
from slipway.parameters import layer_key
from slipway.recipe_checks import content_problems, overlays, read_command, read_requirements
from slipway.requirements import Requirements
from slipway.settings import BY_FLAG, IMAGE_SETTINGS
from slipway.yaml_document import Document, read_document, read_text

# The route that always means "whatever is loaded".
AGENT_ROUTE = "vllm_agent"


@dataclass(frozen=True)
class Profile:
    """A named set of sampling values; what it leaves out is what the model file says."""

    name: str
    line: int
    sampling: Mapping[str, Value]

    def layer(self, label: str) -> Layer:
        """What the profile says, in the name space of the layers."""
        return Layer(label, {layer_key(key): value for key, value in self.sampling.items()})


@dataclass(frozen=True)
class Recipe:
    """One model file. `path` is the label that messages use, such as models/demo.yml.

    `variant` names the variant that `command`, `env` and `requires` are of, `adapted` the overlays that made them so, `removed`
    what these took out.
    """

    name: str
    path: str
    command: Command
    env: Mapping[str, Value]
    sampling: Mapping[str, Value]
    description: str = ""
    source: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    alias_lines: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = ()
    requires: Requirements = field(default_factory=Requirements)
    variants: tuple[Overlay, ...] = ()
    hardware: tuple[Overlay, ...] = ()
    variant: str = BASE
    adapted: tuple[str, ...] = ()
    removed: tuple[Removal, ...] = ()
    image: Value | None = None  # instead of what the settings say
    extra_packages: tuple[str, ...] = ()
    packages_line: int = 0

    @property
    def route_names(self) -> tuple[str, ...]:
        """Every name that clients may use for this model."""
        return tuple(name for profile in (None, *self.profiles) for name in self.names_of(profile))

    def names_of(self, profile: Profile | None) -> tuple[str, ...]:
        """The names of the model, or of one of its profiles: `name:profile`, `alias:profile`, `vllm_agent:profile`."""
        suffix = f":{profile.name}" if profile else ""
        return tuple(f"{name}{suffix}" for name in (self.name, *self.aliases, AGENT_ROUTE))

    @property
    def variants_with_base(self) -> tuple[Overlay, ...]:
        """Every variant, after the command as it stands, which is one that changes nothing."""
        return (Overlay(BASE), *self.variants)

    @property
    def variant_names(self) -> tuple[str, ...]:
        return tuple(overlay.name for overlay in self.variants_with_base)

    def layer(self) -> Layer:
        """What this file says, in the name space of the layers."""
        values = {layer_key(key): value for key, value in self.sampling.items()}
        values |= {f"env.{name}": value for name, value in self.env.items()}
        for flag in self.command.flags:
            if flag.name in BY_FLAG:
                values[BY_FLAG[flag.name].name] = Value(flag.value, flag.line, flag.name)
        if self.image:
            values |= dict.fromkeys(IMAGE_SETTINGS.values(), self.image)
        return Layer(self.path, values)

    def editions(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Every form that the recipe can take, as arguments for `adapt`: each variant, and each on all hardware that the file names."""
        for variant in self.variants_with_base:
            yield variant.name, ()
            for name in dict.fromkeys(overlay.name for overlay in (*self.hardware, *variant.hardware)):
                yield variant.name, (name,)

    def adapt(self, variant: str, hardware: tuple[str, ...]) -> Recipe:
        """This recipe as `variant` on hardware of these names, the widest first: the variant, then what `hardware:` says.

        Raises StopIteration for an unknown variant.
        """
        chosen = next(overlay for overlay in self.variants_with_base if overlay.name == variant)
        machine = [overlay for name in hardware for overlay in (*self.hardware, *chosen.hardware) if overlay.name == name]
        adapted = replace(self, variant=variant, adapted=tuple(overlay.name for overlay in (chosen, *machine)))
        for overlay in (chosen, *machine):
            adapted = replace(
                adapted,
                removed=(*adapted.removed, *find_removals(adapted.command, adapted.env, overlay)),
                command=apply_to_command(adapted.command, overlay),
                env=apply_to_env(adapted.env, overlay),
                requires=overlay.requires.over(adapted.requires),
            )
        return adapted


def check_name(name: str) -> None:
    """Raises UsageError for a name that is no plain file name."""
    if not re.fullmatch(NAME_PATTERN, name) or ".." in name:
        raise UsageError(f"{name!r} cannot be a model name", hint="a name is letters, digits, '.', '_' and '-': the file models/NAME.yml")


def model_names(folder: Path) -> list[str]:
    """The names of all model files in `folder`, sorted."""
    return sorted(path.name.removesuffix(".yml") for path in folder.glob("*.yml"))


def read_recipe(folder: Path, name: str) -> tuple[Recipe | None, list[Problem]]:
    """Read models/NAME.yml. Raises UsageError where there is none, naming the nearest."""
    check_name(name)
    path = folder / f"{name}.yml"
    label = f"{folder.name}/{name}.yml"
    try:
        text, problem = read_text(path, label)
    except FileNotFoundError:
        known = model_names(folder)
        raise UsageError(
            f"there is no model {name!r}: {label} does not exist",
            hint=f"nearest: {', '.join(nearest(name, known))}; ./runMe.sh models lists all {len(known)}" if known else "models/ is empty",
        ) from None
    return (None, [problem]) if problem else parse_recipe(name, label, text, folder)


def read_bare_recipe(folder: Path, name: str) -> Recipe | None:
    """Nothing but the command of a model file that has mistakes, so that its flags can be checked all the same."""
    label = f"{folder.name}/{name}.yml"
    try:
        check_name(name)
        text, problem = read_text(folder / f"{name}.yml", label)
    except (FileNotFoundError, UsageError):
        return None
    command = None if problem else read_command(read_document(label, text))[0]
    return Recipe(name, label, command, {}, {}) if command else None


def parse_recipe(name: str, path: str, text: str, folder: Path | None = None) -> tuple[Recipe | None, list[Problem]]:
    """Type one model file; gives the recipe, or None with every problem found in the file.

    `folder` is where the file lies: the files that it names must be there. Without it they are taken on trust.
    """
    document = read_document(path, text)
    if document.problems and not document.values:
        return None, document.problems
    sections, problems = read_sections(document)
    command, found = read_command(document)
    problems += document.problems + found + content_problems(document, (name, AGENT_ROUTE), folder)
    if sections is None or command is None or problems:
        return None, list(dict.fromkeys(problems))
    return (
        Recipe(
            name=name,
            path=path,
            command=command,
            env={key: Value(text, document.line("env", key)) for key, text in (sections.env or {}).items()},
            sampling=_sampling(document, sections.litellm, "litellm"),
            description=sections.description or "",
            source=tuple(sections.source or ()),
            aliases=tuple(sections.aliases or ()),
            alias_lines=tuple(document.line("aliases", index) for index in range(len(sections.aliases or ()))),
            files=tuple(sections.files or ()),
            profiles=tuple(
                Profile(key, document.line("profiles", key), _sampling(document, values, "profiles", key))
                for key, values in (sections.profiles or {}).items()
            ),
            requires=read_requirements(document, sections.requires, ("requires",)),
            variants=overlays(document, sections.variants, ("variants",)),
            hardware=overlays(document, sections.hardware, ("hardware",)),
            image=Value(sections.image, document.line("image"), "image") if sections.image else None,
            extra_packages=tuple(sections.extra_packages or ()),
            packages_line=document.line("extra_packages") if sections.extra_packages else 0,
        ),
        [],
    )


def _sampling(document: Document, values: Mapping[str, object] | None, *at: str) -> dict[str, Value]:
    return {key: Value(raw, document.line(*at, key)) for key, raw in (values or {}).items() if raw is not None}
