"""Every effective setting of one model, with its value, where it came from, what it shadowed, and why Slipway added it.

Pure: the origins are those that the plan carries from where its values were made.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from slipway.configuration import Configuration
from slipway.engines import describe_flag
from slipway.errors import UsageError
from slipway.flags import base_name, canonical_name
from slipway.gateway import config as gateway_config
from slipway.hardware import Hardware
from slipway.layers import ENVIRONMENT, OVERRIDES, did_you_mean
from slipway.overlay import Removal
from slipway.plan import SLIPWAY, Argument, EnginePlan, Plan, Route, Variable
from slipway.recipe import Recipe
from slipway.resolve import Setting, Source
from slipway.secrets import KNOWN as SECRETS
from slipway.settings import BY_FLAG, BY_NAME, BY_RECIPE_KEY, DEFINITIONS, IMAGE_SETTINGS, IMAGES, Typed
from slipway.yaml_document import read_document

_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|(^|_)KEY(_|$)|APIKEY", re.IGNORECASE)
_SECRET_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")
HIDDEN = "****"


@dataclass(frozen=True)
class Entry:
    """One effective value. `group` is the part that it belongs to, `setting` the setting behind it where it has another name."""

    group: str
    key: str
    value: str
    source: str
    why: str = ""
    shadowed: tuple[tuple[str, str], ...] = ()
    setting: str = ""


@dataclass(frozen=True)
class Surroundings:
    """What the plan itself does not hold: how the launcher runs it, and where secrets come from."""

    runtime: str  # local or docker
    engine_version: str
    version_source: str
    config: str  # the rendered gateway configuration
    template: str
    template_path: str
    gateway_env: Mapping[str, str]
    engine_image: str  # the image that runs, which may be built from the one in the settings; empty where there are no containers
    configured: Mapping[str, Sequence[Argument]]  # engine -> what files behind `--config` say
    secrets: Mapping[str, str]  # name -> where it comes from; those that are not set are absent


def explain(plan: Plan, configuration: Configuration, hardware: Hardware, around: Surroundings) -> tuple[Entry, ...]:
    """Everything that a launch would use, part by part."""
    entries = [*_head(plan, configuration, hardware, around)]
    for engine in plan.engines:
        entries += _engine(engine, around.configured.get(engine.name, ()), configuration.recipe)
    entries += _routes(plan.gateway.routes)
    entries += _emptied(configuration)
    entries += _gateway(around)
    found = {"RUNTIME": around.runtime, "GATEWAY_WORKERS": str(plan.gateway.workers)}
    entries += _settings(configuration, {entry.setting for entry in entries}, found)
    entries += _images(plan, configuration, around)
    entries += _secrets(around.secrets)
    return tuple(entries)


def _head(plan: Plan, configuration: Configuration, hardware: Hardware, around: Surroundings) -> Iterator[Entry]:
    recipe, settings = configuration.recipe, configuration.settings
    yield _entry("model", "model", plan.model, settings.items["MODEL"], why=recipe.path)
    why = "the command as it stands" if recipe.variant == "base" else "it fits this machine"
    item = settings.items.get("VARIANT")
    if item and item.value:
        yield _entry("model", "variant", recipe.variant, item)
    else:
        yield Entry("model", "variant", recipe.variant, str(SLIPWAY), why, setting="VARIANT")
    overlays = [name for name in recipe.adapted if name != recipe.variant]
    if overlays:
        yield Entry("model", "adapted for", ", ".join(overlays), recipe.path)
    gpu = f" ({hardware.gpu.name})" if hardware.gpu else ""
    count = f"{hardware.gpus} x " if hardware.gpus else ""
    asked = [item for name in ("GPU", "GPUS", "ENGINE_DEVICE") if (item := settings.items.get(name)) and item.value not in (None, "auto")]
    where = _where(asked[0]) if asked else "this machine"
    yield Entry("model", "hardware", f"{count}{plan.device}{gpu}", where)
    yield Entry("model", "vLLM", around.engine_version or "not known", around.version_source)


def _entry(group: str, key: str, value: Typed, item: Setting, why: str = "") -> Entry:
    shadowed = tuple((_shown(item.name, lost), _where_source(item.name, source)) for lost, source in item.shadowed)
    return Entry(group, key, _shown(item.name, value), _where(item), why, shadowed, item.name)


def _where(item: Setting) -> str:
    return _where_source(item.name, item.source)


def _where_source(name: str, source: Source) -> str:
    """The file and line; in the environment, the variable."""
    if name == "MODEL" and source.label == OVERRIDES:
        return "command line"  # the verb's own argument
    return f"{ENVIRONMENT} {name.removeprefix('env.')}" if source.label == ENVIRONMENT else str(source)


def _shown(name: str, value: Typed) -> str:
    """A value for people to see: nothing that looks like a secret."""
    if value is None or value == "":
        return "(none)"
    return (
        HIDDEN if _SECRET_NAME.search(name.removeprefix("env.")) and name not in BY_NAME else _SECRET_IN_URL.sub(f"{HIDDEN}@", str(value))
    )


def _engine(engine: EnginePlan, configured: Sequence[Argument], recipe: Recipe) -> Iterator[Entry]:
    """The command with what `--config` files add to it, then the environment; each with what a variant or the hardware took out."""
    command = {base_name(argument.name): _argument(engine, argument) for argument in engine.arguments}
    for argument in configured:
        below = _argument(engine, argument)
        above = command.get(base_name(argument.name))
        command[base_name(argument.name)] = replace(above, shadowed=(*above.shadowed, (below.value, below.source))) if above else below
    environment = {one.name: _part(f"{engine.name} environment", one.name, one.value, one) for one in engine.variables}
    for removal in recipe.removed:
        place, group = (command, "command") if removal.name.startswith("-") else (environment, "environment")
        name = base_name(removal.name)
        if name in place:
            place[name] = replace(place[name], shadowed=(*place[name].shadowed, *_lost(removal, recipe)))
        else:
            removed = Entry(f"{engine.name} {group}", removal.name, "(removed)", f"{recipe.path}:{removal.line}", f"by {removal.overlay}")
            place[name] = replace(removed, shadowed=_lost(removal, recipe))
    yield from (*command.values(), *environment.values())


def _lost(removal: Removal, recipe: Recipe) -> tuple[tuple[str, str], ...]:
    def shown(value: str) -> str:
        return _shown(removal.name, _flag_text(removal.name, (value,) if value else ()) if removal.name.startswith("-") else value)

    return tuple((shown(value), f"{recipe.path}:{line}") for value, line in removal.lost)


def _argument(engine: EnginePlan, argument: Argument) -> Entry:
    key, words = ("model", argument.words[2:]) if argument.name == "serve" else (argument.name, _flag_values(argument))
    return _part(f"{engine.name} command", key, _flag_text(argument.name, words), argument)


def _flag_values(argument: Argument) -> tuple[str, ...]:
    first, equals, inline = argument.words[0].partition("=")
    return (inline,) if equals and first.startswith("--") else argument.words[1:]


def _flag_text(name: str, words: Sequence[str]) -> str:
    if not words:
        return "off" if name.startswith("--no-") else "on"
    return shlex.join(words) if len(words) > 1 else words[0]


def _part(group: str, key: str, value: str, part: Argument | Variable) -> Entry:
    definition = BY_FLAG.get(part.name)
    shadowed = tuple((_shown(key, lost), _where_source(key, source)) for lost, source in part.shadowed)
    name = definition.name if definition else "ENGINE_PORT" if key == "--port" else ""
    return Entry(group, key, _shown(key, value), _where_source(name or key, part.source), part.why, shadowed, name)


def _routes(routes: Sequence[Route]) -> Iterator[Entry]:
    """One group for the plain names, and one for each profile: within a group, every route has the same parameters."""
    for profile in dict.fromkeys(route.profile for route in routes):
        group = f"routes :{profile}" if profile else "routes"
        why = "the same names, for this profile" if profile else "the model's name, its aliases, and the name that never changes"
        own = [route for route in routes if route.profile == profile]
        yield Entry(group, "names", ", ".join(route.name for route in own), str(SLIPWAY), why)
        for key, item in own[0].parameters.items():
            yield _entry(group, key, item.value, item)


def _emptied(configuration: Configuration) -> Iterator[Entry]:
    for key, definition in BY_RECIPE_KEY.items():
        item = configuration.settings.items.get(definition.name)
        if item and item.value is None and item.shadowed:
            yield _entry("routes", key, None, item, "emptied: left to the engine")


def _gateway(around: Surroundings) -> Iterator[Entry]:
    """What the rendered configuration fixes for all routes, with the template's own comments, and the gateway's environment."""
    lines = _template_lines(around.template)
    for section, body in read_document("config.yaml", around.config).values.items():
        for key, value in body.items() if isinstance(body, dict) else ():
            line, why = lines.get((section, key), (0, ""))
            source = f"{around.template_path}:{line}" if line else around.template_path
            text = str(value)
            yield Entry(
                "gateway configuration", f"{section}.{key}", text if text.startswith("os.environ/") else _shown(key, text), source, why
            )
    for name, text in around.gateway_env.items():
        yield Entry("gateway environment", name, text, str(SLIPWAY), gateway_config.REASONS[name])


def _template_lines(template: str) -> dict[tuple[str, str], tuple[int, str]]:
    """Section and key -> its line in the template, and the comment above it."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    section, comment = "", ""
    for number, line in enumerate(template.splitlines(), start=1):
        if match := re.match(r"(\w+):", line):
            section = match[1]
        elif match := re.match(r"  (\w+):", line):
            found[section, match[1]] = (number, comment)
        comment = line.strip("# ") if line.startswith("  #") else ""
    return found


def _settings(configuration: Configuration, shown: set[str], found: Mapping[str, str]) -> Iterator[Entry]:
    """The settings that no part has shown already, by their section; `found` is what Slipway takes where one leaves the choice."""
    for definition in DEFINITIONS:
        item = configuration.settings.items.get(definition.name)
        if item and definition.name not in shown and not definition.recipe_key and definition.section != IMAGES:
            is_open = definition.name in found and item.value in (None, "auto")
            yield _entry(
                definition.section.lower(), definition.name, item.value, item, f"here: {found[definition.name]}" if is_open else ""
            )


def _images(plan: Plan, configuration: Configuration, around: Surroundings) -> Iterator[Entry]:
    """The image of each container, and why an image in the settings is none of them."""
    used = {IMAGE_SETTINGS[plan.device], "GATEWAY_IMAGE", *(() if "DATABASE_URL" in around.secrets else ("DATABASE_IMAGE",))}
    for definition in DEFINITIONS:
        if definition.section == IMAGES:
            item = configuration.settings.items[definition.name]
            why = "" if definition.name in used else "not used: "
            why += (
                "" if definition.name in used else f"the device is {plan.device}" if "ENGINE" in definition.name else "DATABASE_URL is set"
            )
            yield _entry(IMAGES.lower(), definition.name, item.value, item, "for RUNTIME=docker" if around.runtime == "local" else why)
    recipe = configuration.recipe
    if around.engine_image not in ("", plan.images["ENGINE_IMAGE"]):
        why = f"{IMAGE_SETTINGS[plan.device]} with extra_packages"
        yield Entry(IMAGES.lower(), "the engine's, built here", around.engine_image, f"{recipe.path}:{recipe.packages_line}", why)


def _secrets(found: Mapping[str, str]) -> Iterator[Entry]:
    for name, purpose in SECRETS.items():
        yield Entry("secrets", name, HIDDEN if name in found else "(none)", found.get(name, "not set"), purpose)


def select(entries: Sequence[Entry], key: str, version: str) -> tuple[Entry, ...]:
    """The entries of one key: a flag in any spelling, a variable, a setting, or a sampling key.

    A flag that is not given is explained by the engine's own default. Raises UsageError for what is known nowhere.
    """
    wanted = {key, canonical_name(key), f"--{key}", key.upper(), key.removeprefix("env."), f"LITELLM_{key.upper()}"}
    found = tuple(entry for entry in entries if wanted & {entry.key, entry.setting, entry.key.rpartition(".")[2]})
    if found:
        return found
    for name in (canonical_name(key), canonical_name(f"--{key}")):
        described = describe_flag("vllm", name, version)
        if described:
            value, source, takes = described
            return (Entry("engine command", name, value or "(none)", source, f"not given; it takes {takes}"),)
    definition = next((BY_NAME[name] for name in wanted if name in BY_NAME), None)
    if definition:
        return (Entry(definition.section.lower(), definition.name, "(none)", "not set anywhere", definition.doc),)
    known = [name for entry in entries for name in (entry.key, entry.setting) if name]
    raise UsageError(f"nothing is called {key!r} here", hint=did_you_mean(key, known) or "without a key, explain shows everything")


@dataclass(frozen=True)
class Difference:
    """A key whose value is not the same on both sides; None where a side does not have it."""

    group: str
    key: str
    left: Entry | None
    right: Entry | None


def compare(left: Sequence[Entry], right: Sequence[Entry]) -> tuple[Difference, ...]:
    """The keys that differ in value, in the order of the left side; what is only on the right follows its group."""
    sides = [_by_place(left), _by_place(right)]
    places = sorted({*sides[0], *sides[1]}, key=_order([*sides[0], *sides[1]]))
    pairs = [(place, sides[0].get(place), sides[1].get(place)) for place in places]
    return tuple(Difference(place[0], place[1], one, two) for place, one, two in pairs if (one and one.value) != (two and two.value))


_Place = tuple[str, str, int]


def _by_place(entries: Sequence[Entry]) -> dict[_Place, Entry]:
    """By group, key, and a count for a key that stands several times."""
    found: dict[_Place, Entry] = {}
    for entry in entries:
        number = 0
        while (entry.group, entry.key, number) in found:
            number += 1
        found[entry.group, entry.key, number] = entry
    return found


def _order(places: Sequence[_Place]) -> Callable[[_Place], tuple[int, int]]:
    groups = list(dict.fromkeys(place[0] for place in places))
    rank = {place: number for number, place in reversed(list(enumerate(places)))}
    return lambda place: (groups.index(place[0]), rank[place])
