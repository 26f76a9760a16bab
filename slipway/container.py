"""What docker-compose.yml's containers see: paths and addresses in them, their generated files, and a launch's note to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from slipway.configuration import Configuration, Sources, read_configuration
from slipway.gateway import config as gateway_config
from slipway.gpus import Gpu
from slipway.hardware import Hardware
from slipway.layers import Layer, Value
from slipway.plan import Plan, Site
from slipway.render import RenderedFile, StartScript, render_generated, render_start_script

ENGINE_PORT = 8000
MODEL_CACHE = "/root/.cache/huggingface"
# where the launcher's note is mounted; a plain `docker compose up` has none
NOTE = "launch/note.json"

SITE = Site(
    root="/slipway",
    generated="/generated",
    # on the tmpfs: what the engine's container found, or made, at its start
    secrets="/generated/secrets",
    engine_bind="0.0.0.0",
    engine_host="vllm-node",
    engine_port=ENGINE_PORT,
    engine_env={"HF_HOME": MODEL_CACHE, "HF_HUB_CACHE": f"{MODEL_CACHE}/hub"},
)


def render_containers(plan: Plan, templates: Path) -> tuple[RenderedFile, ...]:
    """What the engine's container writes for itself and for the gateway's."""
    argv = ("litellm", "--config", f"{SITE.generated}/config.yaml", "--host", "0.0.0.0", "--port", "4000")
    script = StartScript("gateway", argv, gateway_environment(), gateway_config.SECRETS)
    return (
        *render_generated(plan, SITE, templates),
        render_start_script(templates, script, SITE, Path(SITE.generated) / "gateway.sh"),
    )


def gateway_environment() -> dict[str, str]:
    """What the gateway's process gets beside its secrets."""
    # the image's own LiteLLM applies its migrations
    env = {name: value for name, value in gateway_config.ENVIRONMENT.items() if name != "DISABLE_SCHEMA_UPDATE"}
    return env | {"PYTHONPATH": f"{SITE.root}:{SITE.python_start}"}


@dataclass(frozen=True)
class Note:
    """The settings of a launch as it found them, so that a container generates what the launch has planned."""

    sources: Sources
    stamp: str  # what the gateway's container waits for


def settled(sources: Sources, configuration: Configuration) -> Sources:
    """Sources that give this configuration without another look at machine and model: what the launch chose is a layer too."""
    variant = Layer("launch", {"VARIANT": Value(configuration.recipe.variant)})
    hardware = sources.hardware
    chosen = replace(sources, strong=(*sources.strong, variant), detect=lambda wish: hardware, judge=None)
    plain = read_configuration(chosen, configuration.recipe.name).settings
    added = {
        name: Value(str(item.value))
        for name, item in configuration.settings.items.items()
        if name != "VARIANT" and plain.value(name) != item.value
    }
    return replace(chosen, strong=(*sources.strong, Layer("launch", {**variant.values, **added})))


def note_text(note: Note) -> str:
    """The note as JSON; no layer of settings holds a secret."""
    body = {
        "stamp": note.stamp,
        "hardware": asdict(note.sources.hardware),
        "weak": [_layer(layer) for layer in note.sources.weak],
        "strong": [_layer(layer) for layer in note.sources.strong],
    }
    return json.dumps(body, indent=1) + "\n"


def _layer(layer: Layer) -> dict[str, object]:
    return {"label": layer.label, "values": {name: [str(value.raw), value.line, value.written] for name, value in layer.values.items()}}


def read_note(path: Path, models: Path) -> Note | None:
    """The note at `path`, with the model files in `models`; None where no launch has left one."""
    if not path.is_file():
        return None
    body = json.loads(path.read_text(encoding="utf-8"))
    gpu = body["hardware"].pop("gpu")
    hardware = Hardware(**body["hardware"], gpu=Gpu(**gpu) if gpu else None)
    return Note(Sources(models, _layers(body["weak"]), _layers(body["strong"]), lambda wish: hardware), body["stamp"])


def _layers(found: Sequence[dict[str, dict[str, tuple[str, int, str]]]]) -> tuple[Layer, ...]:
    return tuple(Layer(str(layer["label"]), {name: Value(*value) for name, value in layer["values"].items()}) for layer in found)
