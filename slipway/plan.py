"""Recipe + settings + hardware → everything that will run, as pure data that a test can compare."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.configuration import Configuration
from slipway.errors import ConfigError, Problem
from slipway.hardware import Hardware
from slipway.layers import PARAMETER_PREFIX
from slipway.recipe import Recipe
from slipway.resolve import Setting, Settings, Source
from slipway.secrets import DEFAULT_MASTER_KEY, Secret
from slipway.settings import BY_RECIPE_KEY, IMAGE_SETTINGS, Typed


@dataclass(frozen=True)
class Site:
    """Where the parts find things and each other: paths and addresses as the processes or containers see them."""

    root: str
    generated: str
    secrets: str
    vllm: str = "vllm"
    engine_bind: str = "127.0.0.1"
    engine_host: str = "127.0.0.1"
    engine_port: int = 0  # 0: what ENGINE_PORT says
    engine_env: Mapping[str, str] = field(default_factory=dict)  # beats every other source of the engine's environment
    gpu_variable: str = ""  # what tells the engine which GPUS to use, where no container does
    engine_scratch: str = ""  # a folder for the engine's sockets; empty: its own default
    pid_files: str = ""  # a folder where each part notes its process id; empty: no notes
    python: str = ""  # the interpreter that ends what an earlier self of a part has left, where there are pid files

    @property
    def python_start(self) -> str:
        """The folder on the parts' PYTHONPATH whose sitecustomize.py makes their imports quicker."""
        return f"{self.root}/slipway/startup"


@dataclass(frozen=True)
class EngineRequest:
    """What an engine module needs to know to plan one replica."""

    recipe: Recipe
    settings: Settings
    hardware: Hardware
    site: Site


# The source of what no file, variable or option asked for: Slipway itself.
SLIPWAY = Source("Slipway")


@dataclass(frozen=True)
class Argument:
    """Words of an engine's command that belong together, and where they were written; `why` where Slipway added them.

    `name` is the flag's long spelling, or `serve` for the words in front of the flags. `shadowed` lists the values that
    lost, strongest first.
    """

    name: str
    words: tuple[str, ...]
    source: Source
    why: str = ""
    shadowed: tuple[tuple[Typed, Source], ...] = ()


@dataclass(frozen=True)
class Variable:
    """One variable of an engine's environment, with its origin as in `Argument`."""

    name: str
    value: str
    source: Source
    why: str = ""
    shadowed: tuple[tuple[Typed, Source], ...] = ()


@dataclass(frozen=True)
class EnginePlan:
    """One engine process: `argv` starts with its executable, `env` is sorted and holds no secret."""

    name: str
    kind: str
    arguments: tuple[Argument, ...]
    variables: tuple[Variable, ...]
    secrets: tuple[str, ...]
    base_url: str
    served_names: tuple[str, ...]

    @property
    def argv(self) -> tuple[str, ...]:
        return tuple(word for argument in self.arguments for word in argument.words)

    @property
    def calls_tools(self) -> bool:
        """Whether the engine turns what the model writes into tool calls when the model may choose."""
        return any(argument.name == "--enable-auto-tool-choice" for argument in self.arguments)

    @property
    def env(self) -> dict[str, str]:
        return {variable.name: variable.value for variable in self.variables}


@dataclass(frozen=True)
class Route:
    """One LiteLLM model_list entry; `parameters` are what the gateway applies when a client does not say.

    `profile` is empty for the names of the model itself.
    """

    name: str
    served_name: str
    engine: str
    api_base: str
    parameters: Mapping[str, Setting]
    profile: str = ""

    @property
    def defaults(self) -> dict[str, Any]:
        """The parameters as plain values; a mapping, such as chat_template_kwargs, as a mapping."""
        return {key: _plain(key, setting.value) for key, setting in self.parameters.items()}


def _plain(key: str, value: Typed) -> Any:
    """What is no setting, and a mapping, is kept as JSON text."""
    definition = BY_RECIPE_KEY.get(key)
    return value if definition and definition.kind != "mapping" else json.loads(str(value))


@dataclass(frozen=True)
class GatewayPlan:
    host: str
    port: int
    max_parallel_requests: int
    request_timeout: int  # seconds
    lane: str  # on or off
    routes: tuple[Route, ...]
    workers: int = 1

    @property
    def url(self) -> str:
        """The address a client on this machine uses."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


@dataclass(frozen=True)
class Plan:
    """All that will run for one model."""

    model: str
    variant: str
    recipe_path: str
    description: str
    device: str
    engines: tuple[EnginePlan, ...]
    gateway: GatewayPlan
    images: Mapping[str, str] = field(default_factory=dict)


def build_gateway(configuration: Configuration, engines: tuple[EnginePlan, ...], cores: int) -> GatewayPlan:
    """Routes for the model's name, its aliases and vllm_agent, plain and with each profile, with their sampling defaults."""
    recipe, settings = configuration.recipe, configuration.settings
    routes = []
    for profile in (None, *recipe.profiles):
        found = (configuration.profiles[profile.name] if profile else settings).items
        names = {key: item.name for key, item in BY_RECIPE_KEY.items()}
        names |= {name.removeprefix(PARAMETER_PREFIX): name for name in sorted(found) if name.startswith(PARAMETER_PREFIX)}
        given = {key: found[name] for key, name in names.items() if name in found and found[name].value is not None}
        label = profile.name if profile else ""
        routes += [
            Route(name, name, engine.name, f"{engine.base_url}/v1", given, label) for name in recipe.names_of(profile) for engine in engines
        ]
    return GatewayPlan(
        host=settings.text("GATEWAY_HOST"),
        port=settings.integer("GATEWAY_PORT"),
        max_parallel_requests=settings.integer("MAX_PARALLEL_REQUESTS"),
        request_timeout=settings.integer("REQUEST_TIMEOUT"),
        lane=settings.text("LANE"),
        routes=tuple(routes),
        workers=_workers(settings, cores),
    )


# cautious: on two cores that it shared with load and engine, one worker carried 256 streams of 50 events a second (benchmarks/gateway.py)
_STREAMS_PER_WORKER, _MOST_WORKERS = 128, 4


def _workers(settings: Settings, cores: int) -> int:
    """As many as are asked for, else as many as the streams at once need, on half of the cores: the engine's processes have the others."""
    wanted = settings.value("GATEWAY_WORKERS")
    streams = settings.integer("MAX_PARALLEL_REQUESTS")
    most = min(_MOST_WORKERS, max(cores // 2, 1)) if cores else _MOST_WORKERS
    return int(wanted) if wanted else min(most, -(-streams // _STREAMS_PER_WORKER))


def assemble_plan(configuration: Configuration, hardware: Hardware, engines: tuple[EnginePlan, ...]) -> Plan:
    """Put engines and gateway together. Raises ConfigError where two parts would want the same port."""
    recipe, settings = configuration.recipe, configuration.settings
    gateway = build_gateway(configuration, engines, hardware.cores)
    if gateway.port == settings.integer("ENGINE_PORT"):
        source = settings.source("GATEWAY_PORT")
        raise ConfigError([Problem(source.label, source.line, f"gateway and engine cannot both use port {gateway.port}")])
    return Plan(
        model=recipe.name,
        variant=recipe.variant,
        recipe_path=recipe.path,
        description=recipe.description,
        device=hardware.device,
        engines=engines,
        gateway=gateway,
        images={
            "ENGINE_IMAGE": settings.text(IMAGE_SETTINGS[hardware.device]),
            "GATEWAY_IMAGE": settings.text("GATEWAY_IMAGE"),
            "DATABASE_IMAGE": settings.text("DATABASE_IMAGE"),
        },
    )


def check_exposure(settings: Settings, secrets: Mapping[str, Secret]) -> None:
    """Refuse an address beyond loopback together with the well-known default key. Raises ConfigError."""
    host = settings.text("GATEWAY_HOST")
    key = secrets.get("LITELLM_MASTER_KEY", Secret(DEFAULT_MASTER_KEY))
    if _is_loopback(host) or key.reveal() != DEFAULT_MASTER_KEY:
        return
    source = settings.source("GATEWAY_HOST")
    raise ConfigError([
        Problem(source.label, source.line, f"GATEWAY_HOST={host} opens the gateway to others, and its key is {DEFAULT_MASTER_KEY}",
                "put a key of your own that starts with sk- into secrets/LITELLM_MASTER_KEY"),
    ])  # fmt: skip


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
