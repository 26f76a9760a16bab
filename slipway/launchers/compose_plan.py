"""Plans a launch with Docker Compose: the engine's service as a file, the settings as a note, the rest as variables."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway.configuration import Configuration, Sources
from slipway.container import ENGINE_PORT, MODEL_CACHE, NOTE, SITE, Note, gateway_environment, note_text, render_containers, settled
from slipway.engines import build_plan
from slipway.errors import ConfigError, Problem
from slipway.gpus import parse_gpus
from slipway.hardware import Hardware
from slipway.launchers.access import access_state
from slipway.launchers.compose_images import derived_image
from slipway.paths import Paths
from slipway.plan import Plan
from slipway.process import Command
from slipway.render import RenderedFile, Rendering
from slipway.secrets import KNOWN, Secret, read_secrets

# device -> the file in compose/ that says how a container gets at it
VARIANTS = {"cuda": "nvidia.yml", "rocm": "amd.yml", "cpu": "cpu.yml"}
_HEAD = "# Rendered by Slipway, for docker-compose.yml: change vars.env or the model file, not this.\n"


@dataclass(frozen=True)
class Host:
    """What a launch finds on this machine."""

    paths: Paths
    environ: Mapping[str, str]
    hardware: Hardware
    sources: Sources


@dataclass(frozen=True)
class ComposeStack:
    """A plan with everything that a launch of it with Docker needs."""

    configuration: Configuration
    plan: Plan
    folder: Path
    root: Path
    variables: Mapping[str, str]  # what docker-compose.yml asks the environment for; holds no secret
    files: tuple[RenderedFile, ...]
    generated: tuple[RenderedFile, ...]  # what the containers write for themselves
    database: bool  # whether the stack's own is used

    @property
    def images(self) -> dict[str, str]:
        """Service -> image, as they run."""
        engine = yaml.safe_load(self.files[0].text)["services"]["engine"]["image"]
        found = {"vllm-node": engine, "litellm": self.plan.images["GATEWAY_IMAGE"]}
        return found | ({"litellm_db": self.plan.images["DATABASE_IMAGE"]} if self.database else {})

    @property
    def model_cache(self) -> Path:
        return Path(self.variables["HF_HOME"])

    def written(self) -> bool:
        """Whether the files are what an earlier launch has written."""
        return all(file.path.is_file() and file.path.read_text() == file.text for file in self.files)

    def up_command(self) -> Command:
        # what is missing has been pulled and built by then, where there is progress to show
        return self.command("up", "--detach", "--remove-orphans", "--no-build", "--pull", "never")

    def command(self, *words: str) -> Command:
        """`docker compose` for this stack."""
        return Command(compose_argv(self.root, self.variables["STACK_NAME"], self._extra(), words))

    def _extra(self) -> tuple[Path, ...]:
        return tuple(file.path for file in self.files if file.path.name == "stack.yml")


def compose_argv(root: Path, stack: str, extra: tuple[Path, ...] = (), words: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Compose with the checkout's files: its own, the user's docker-compose.override.yml, and rendered ones."""
    override = root / "docker-compose.override.yml"
    files = [root / "docker-compose.yml", *([override] if override.is_file() else []), *extra]
    found = ["docker", "compose", "--project-directory", str(root), "--project-name", stack]
    for path in files:
        found += ["--file", str(path)]
    return (*found, *words)


def plan_compose(host: Host, configuration: Configuration, secrets: Mapping[str, Secret]) -> ComposeStack:
    """Plan and render. Raises ConfigError where something cannot be done in containers."""
    settings, paths, hardware = configuration.settings, host.paths, host.hardware
    _check(paths, configuration)
    plan = build_plan(configuration, hardware, SITE)
    folder = paths.data / "compose"
    generated = render_containers(plan, paths.templates)
    texts = {file.path.name: file.text for file in generated}
    stamps = {
        "ENGINE_STAMP": _stamp(paths, secrets, ("HF_TOKEN", "VLLM_API_KEY"), texts["engine.sh"]),
        "GATEWAY_STAMP": _stamp(
            paths, secrets, ("LITELLM_MASTER_KEY", "VLLM_API_KEY", "DATABASE_URL"), texts["config.yaml"], texts["gateway.sh"]
        ),
    }
    variables = {
        "STACK_NAME": paths.stack,
        "MODEL": plan.model,
        "ENGINE_COMPOSE": str(folder / "engine.yml"),
        "GATEWAY_IMAGE": plan.images["GATEWAY_IMAGE"],
        "DATABASE_IMAGE": plan.images["DATABASE_IMAGE"],
        "GATEWAY_HOST": plan.gateway.host,
        "GATEWAY_PORT": str(plan.gateway.port),
        "HF_HOME": _host_cache(settings.text("env.HF_HOME"), host.environ),
        **stamps,
    }
    service = _engine_service(host, configuration, plan)
    files = [
        RenderedFile(folder / "engine.yml", _HEAD + yaml.safe_dump({"services": {"engine": service}}, sort_keys=False)),
        RenderedFile(folder / NOTE, note_text(Note(settled(host.sources, configuration), stamps["GATEWAY_STAMP"]))),
    ]
    files.append(RenderedFile(folder / "stack.json", json.dumps(access_state(plan), indent=2) + "\n"))
    external = "DATABASE_URL" in secrets
    if external:
        left_out = {"services": {"litellm_db": {"profiles": ["own-database"]}}}
        files.append(RenderedFile(folder / "stack.yml", _HEAD + yaml.safe_dump(left_out)))
    return ComposeStack(configuration, plan, folder, paths.root, variables, tuple(files), generated, not external)


def _check(paths: Paths, configuration: Configuration) -> None:
    if paths.stack != paths.stack.lower():
        source = configuration.settings.source("STACK_NAME")
        raise ConfigError([Problem(source.label, source.line, f"STACK_NAME: {paths.stack} has capitals, which Compose does not take")])


def _stamp(paths: Paths, secrets: Mapping[str, Secret], names: tuple[str, ...], *texts: str) -> str:
    """Changes with what a service is started with. Of a secret's file it takes the time, so that nothing of it can be guessed."""
    parts = list(texts)
    for name in names:
        path = paths.root / "secrets" / name
        parts.append(f"{name in secrets} {path.stat().st_mtime_ns if path.is_file() else 0}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _host_cache(wanted: str, environ: Mapping[str, str]) -> str:
    return str(Path(wanted or Path(environ.get("HOME") or Path.home()) / ".cache/huggingface").expanduser().absolute())


def _engine_service(host: Host, configuration: Configuration, plan: Plan) -> dict[str, Any]:
    settings, paths, hardware = configuration.settings, host.paths, host.hardware
    service: dict[str, Any] = yaml.safe_load((paths.root / "compose" / VARIANTS[hardware.device]).read_text())["services"]["engine"]
    service["image"] = derived_image(plan.images["ENGINE_IMAGE"], configuration.recipe.extra_packages)
    volumes = [f"{paths.data}/compose/launch:/slipway/launch:ro"]
    if settings.text("env.HF_HUB_CACHE"):
        volumes.append(f"{Path(settings.text('env.HF_HUB_CACHE')).expanduser().absolute()}:{MODEL_CACHE}/hub")
    model = configuration.recipe.command.model
    if model.startswith("/"):
        volumes.append(f"{model}:{model}:ro")
    # Compose takes $ for the start of a variable
    service["volumes"] = [volume.replace("$", "$$") for volume in volumes]
    if settings.text("PUBLISH_ENGINE") == "yes":
        service["ports"] = [f"127.0.0.1:{settings.integer('ENGINE_PORT')}:{ENGINE_PORT}"]
    gpus = list(parse_gpus(settings.text("GPUS"))[1])
    if hardware.device == "cuda":
        device = service["deploy"]["resources"]["reservations"]["devices"][0]
        device.pop("count")
        device |= {"device_ids": gpus} if gpus else {"count": configuration.gpus_used}
    elif hardware.device == "rocm":
        kept = [line for line in service["environment"] if line != "HIP_VISIBLE_DEVICES"]
        service["environment"] = [*kept, *([f"HIP_VISIBLE_DEVICES={','.join(gpus)}"] if gpus else [])]
    return service


def compose_environ(environ: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of `docker compose`: the user's, with the launch's own variables; its secrets are the containers' too."""
    kept = {name: value for name, value in environ.items() if name in KNOWN or not name.startswith(("COMPOSE_", "ENGINE_", "GATEWAY_"))}
    return {**kept, **variables}


def render_launch(host: Host, configuration: Configuration) -> Rendering:
    """What a launch with Docker writes and runs, the containers' own files included. Raises ConfigError."""
    stack = plan_compose(host, configuration, read_secrets(host.paths.root / "secrets", host.environ))
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in stack.variables.items())
    files = (*stack.files, *stack.generated)
    return Rendering(stack.plan, files, gateway_environment(), stack.images, (f"{variables} {stack.up_command()}",))
