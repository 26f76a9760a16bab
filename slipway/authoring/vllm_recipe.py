"""The vLLM recipes collection (github.com/vllm-project/recipes, models/ORG/NAME.yaml) → a draft.

Its format: `meta` for readers; `model` with id, least version and flags that are always needed; `features`, of which
`opt_in_features` are off; `variants` by precision, `default` among them; `hardware_overrides` and `strategy_overrides`.
"""

from __future__ import annotations

import re
import shlex

from slipway.authoring.draft import Draft, DraftOverlay, flags_of, plain_name
from slipway.authoring.foreign import Dropped, Foreign
from slipway.command import Command, CommandError, Flag
from slipway.errors import ConfigError, Problem
from slipway.gpus import HARDWARE_NAMES, parse_gpu
from slipway.overlay import BASE, Overlay, apply_to_command
from slipway.recipe_checks import PACKAGE_PATTERN, names_file
from slipway.requirements import check_versions
from slipway.secrets import KNOWN as SECRETS

_NAMES = {"dgx_spark_gb10": "gb10", "dgx_station_gb300": "gb300"}

_REASONS = {
    "meta": "for readers",
    "guide": "a text for readers; look there for sampling values",
    "compatible_strategies": "Slipway runs one engine on one machine; parallelism is flags",
    "default_strategy": "Slipway runs one engine on one machine; parallelism is flags",
    "strategy_overrides": "Slipway runs one engine on one machine; parallelism is flags",
    "strategy_min_gpus": "Slipway runs one engine on one machine; parallelism is flags",
    "strategy_hardware": "Slipway runs one engine on one machine; parallelism is flags",
    "docker_image": "a model file has one image, which is for NVIDIA GPUs here",
    "amd": "a model file has one image, which is for NVIDIA GPUs here",
    "kv_offload_support": "a hint for that site's command builder",
    "hardware_opt_in_features": "a hint for that site's command builder",
    "hardware_notes": "for readers",
    "supports_dcp": "a hint for that site's command builder",
    "default_mode": "a hint for that site's command builder",
    "default_modes": "a hint for that site's command builder",
    "modes": "a choice of that site's command builder",
    "strategies": "a choice of that site's command builder",
    "supported_hardware": "not one of NVIDIA's generations: `requires:` knows a least compute capability",
    "precision_hardware": "for readers",
}


def draft_from_vllm_recipe(foreign: Foreign) -> tuple[Draft, tuple[Dropped, ...]]:
    """Raises ConfigError for a recipe that vLLM itself does not serve, or that names no model."""
    document = foreign.document
    model = foreign.text("model", "model_id")
    if not model:
        raise ConfigError([Problem(document.path, document.line("model"), "the recipe names no model", "it needs model.model_id")])
    if foreign.peek("omni"):
        raise ConfigError([Problem(document.path, document.line("omni"), "the recipe is for vLLM-Omni, which Slipway does not run")])
    title, about = foreign.text("meta", "title"), foreign.text("meta", "description")
    draft = Draft(plain_name(model), model, about or title)
    _read_model(foreign, draft)
    _read_container(foreign, draft)
    _read_features(foreign, draft)
    _read_variants(foreign, draft)
    draft.hardware |= _read_hardware(foreign, "hardware_overrides")
    tp = foreign.text("strategy_overrides", "single_node_tp", "tp")
    if tp:
        _add(draft, flags_of(["--tensor-parallel-size", tp]))
    return draft, foreign.finish(_REASONS)


def _read_model(foreign: Foreign, draft: Draft) -> None:
    version = foreign.text("model", "min_vllm_version")
    try:
        check_versions(version)
        draft.requires["vllm"] = f">={version}"
    except ValueError:
        if version:
            foreign.note("no released version", "model", "min_vllm_version")
    _add(draft, _flags(foreign, "model", "base_args"))
    draft.env |= _environment(foreign, "model", "base_env")
    context = foreign.text("model", "context_length")
    if context:
        draft.notes.append(f"The recipe states a context of {context} tokens; vLLM takes the model's own without --max-model-len.")
    for key in ("architecture", "parameter_count", "active_parameters"):
        foreign.drop("for readers", "model", key)


def _read_container(foreign: Foreign, draft: Draft) -> None:
    """The image for NVIDIA GPUs, and packages that it lacks: what a plain `pip install` names beside vLLM."""
    draft.image = foreign.image(*_image_place(foreign))
    for key in ("install", "nightly_required", "docker_source"):
        foreign.drop("how to install vLLM; choose the engine's image with `image:` or ENGINE_IMAGE", "model", key)
    steps = foreign.peek("dependencies")
    for index in range(len(steps) if isinstance(steps, list) else 0):
        found = _packages(foreign.peek("dependencies", index, "command"))
        if found and foreign.peek("dependencies", index, "brand") in (None, "NVIDIA"):
            draft.extra_packages += [name for name in found if name not in draft.extra_packages]
            foreign.take("dependencies", index)
        else:
            foreign.drop("more than plain packages for NVIDIA's image: `extra_packages:` cannot say it", "dependencies", index)


def _image_place(foreign: Foreign) -> tuple[str, ...]:
    """`model.docker_image` is one for all, or one for each brand, and there perhaps one for each version of CUDA."""
    place: tuple[str, ...] = ("model", "docker_image")
    if foreign.mapping(*place):
        place = (*place, "nvidia")
    versions = foreign.mapping(*place)
    return (*place, next(iter(versions))) if versions else place


def _packages(command: object) -> list[str]:
    """The packages of `uv pip install [-U] PACKAGE…`; none where one of them is vLLM, or the command does more."""
    words = shlex.split(command) if isinstance(command, str) and not set(command) & set("\n;&|$`") else []
    names = [word for word in words[3:] if word not in ("-U", "--upgrade")]
    plain = all(re.fullmatch(PACKAGE_PATTERN, name) and not re.match(r"vllm\b", name) for name in names)
    return names if words[:3] == ["uv", "pip", "install"] and plain else []


def _read_features(foreign: Foreign, draft: Draft) -> None:
    optional = foreign.words("opt_in_features")
    for name in foreign.mapping("features"):
        about = foreign.text("features", name, "description")
        flags = _flags(foreign, "features", name, "args")
        if name in optional:
            words = " ".join(shlex.join(flag.tokens) for flag in flags)
            draft.notes.append(
                f"Left out, as in the recipe: {name} ({about}): {words}" if about else f"Left out, as in the recipe: {name}: {words}"
            )
            foreign.note("an option that the recipe leaves off; it stands in a comment", "features", name)
        else:
            _add(draft, flags)


def _read_variants(foreign: Foreign, draft: Draft) -> None:
    names = foreign.mapping("variants")
    for name in names:
        at = ("variants", name)
        overlay = DraftOverlay(foreign.text(*at, "description"), foreign.text(*at, "model_id"), _variant_flags(foreign, at))
        overlay.env = _environment(foreign, *at, "extra_env")
        overlay.requires = _variant_requires(foreign, at)
        precision = foreign.text(*at, "precision")
        foreign.drop("for readers", *at, "label")
        if name != "default":
            overlay.hardware = _read_hardware(foreign, *at, "hardware_overrides")
            draft.variants[_plain(name)] = overlay
            continue
        _add(draft, list(overlay.flags))
        draft.model = overlay.model or draft.model
        draft.env |= overlay.env
        draft.requires |= overlay.requires
        about = ": ".join(filter(None, (precision, overlay.description)))
        draft.notes += [f"The command is the recipe's default variant, {about}."] if about else []
        if len(names) == 1:
            draft.hardware |= _read_hardware(foreign, *at, "hardware_overrides")
        else:
            foreign.drop("for the default variant only; `hardware:` would hold for every variant", *at, "hardware_overrides")


def _variant_flags(foreign: Foreign, at: tuple[str, ...]) -> list[Flag]:
    tp = foreign.text(*at, "tp")
    return [*_flags(foreign, *at, "extra_args"), *(flags_of(["--tensor-parallel-size", tp]) if tp else [])]


def _variant_requires(foreign: Foreign, at: tuple[str, ...]) -> dict[str, object]:
    requires: dict[str, object] = {}
    memory, version = foreign.text(*at, "vram_minimum_gb"), foreign.text(*at, "min_vllm_version")
    if re.fullmatch(r"[1-9][0-9]{0,5}", memory):
        requires["memory"] = f"{memory}GB"
    if re.fullmatch(r"[0-9.]+", version):
        requires["vllm"] = f">={version}"
    wanted = foreign.peek(*at, "supported_hardware")
    if isinstance(wanted, list):
        known = [_hardware_name(str(name)) for name in wanted]
        least = [parse_gpu(name.replace("-", " ")).capability for name in known if name and name not in ("cpu", "hopper", "blackwell")]
        if all(known) and least:
            foreign.words(*at, "supported_hardware")
            requires["capability"] = min(least)
    return requires


def _read_hardware(foreign: Foreign, *at: str) -> dict[str, DraftOverlay]:
    found = {}
    for name in foreign.mapping(*at):
        known = _hardware_name(name)
        if not known:
            foreign.drop("no single kind of NVIDIA GPU that Slipway knows by a name", *at, name)
            continue
        flags, env = _flags(foreign, *at, name, "extra_args"), _environment(foreign, *at, name, "extra_env")
        foreign.drop("a model file has one image for all hardware: ENGINE_IMAGE can be this one", *at, name, "docker_image")
        foreign.drop("for readers", *at, name, "install_note")
        if flags or env:
            found[known] = DraftOverlay(flags=flags, env=env)
    return found


def _hardware_name(name: str) -> str:
    known = _NAMES.get(name, name.replace("_", "-"))
    return known if known in HARDWARE_NAMES else ""


def _flags(foreign: Foreign, *at: str) -> list[Flag]:
    words = foreign.words(*at)
    try:
        flags = flags_of(words)
    except (CommandError, ValueError) as error:
        foreign.note(f"not flags that Slipway can read: {error}", *at)
        return []
    for flag in filter(names_file, flags):
        foreign.note(f"{flag.name} {flag.value}: that file is no part of the recipe", *at)
    return [flag for flag in flags if not names_file(flag)]


def _environment(foreign: Foreign, *at: str) -> dict[str, str]:
    for name in foreign.mapping(*at):
        if name in SECRETS or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            foreign.drop("a secret, or no name of a variable", *at, name)
    return {name: text for name, text in foreign.environment(*at).items() if name not in SECRETS and re.fullmatch(r"[A-Za-z_]\w*", name)}


def _add(draft: Draft, flags: list[Flag]) -> None:
    command = Command(draft.model, tuple(draft.flags))
    draft.flags = list(apply_to_command(command, Overlay("", flags=tuple(flags))).flags)


def _plain(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", name).lstrip("-_") or "variant"
    return f"{plain}-model" if plain == BASE else plain
