"""vLLM: its command line, its environment, and what its log says while it starts."""

from __future__ import annotations

import re

from slipway.command import Flag
from slipway.engines.base import LogSign
from slipway.errors import ConfigError, Problem
from slipway.flags import base_name
from slipway.plan import EnginePlan, EngineRequest
from slipway.settings import BY_FLAG

# What vLLM 0.32 logs, in the order in which it usually comes; the first pattern that matches counts.
_SIGNS = (
    (r"Fetching \d+ files|Downloading", "downloading the model"),
    (r"Resolved architecture|Initializing a V1 LLM engine", "reading the model's configuration"),
    (r"Starting to load model", "loading weights"),
    (r"Loading weights took|Model loading took", "weights loaded"),
    (r"init engine .* took|Warming up model for the compilation", "warming up"),
    (r"Dynamo bytecode transform|Compiling a graph|compiled graph|torch\.compile (took|takes)|directory: .* torch\.compile", "compiling"),
    (r"Capturing CUDA graph|Graph capturing finished", "capturing CUDA graphs"),
    (r"[Mm]emory profiling|Profiling CUDA graph memory|Available KV cache memory|[GC]PU KV cache size", "sizing the KV cache"),
    (r"Starting vLLM (API )?server|Application startup complete", "starting its API server"),
)
# a tqdm bar: `45%|████▌     | 3/7 [00:00<00:01` or vLLM's own `50% Completed | 1/2 [00:00<00:00`
_BAR = re.compile(r"(?P<what>Loading \w+|Capturing CUDA graphs).*\| (?P<done>\d+)/(?P<total>\d+) \[")

# Flags that would take the engine away from the address and protocol where gateway and health checks look for it.
_HIDING = frozenset({"--uds", "--ssl-keyfile", "--ssl-certfile", "--ssl-ca-certs", "--root-path", "--headless"})


class VllmEngine:
    """Plans `vllm serve` as a model file writes it, with the flags that Slipway must own."""

    def build_plan(self, request: EngineRequest) -> EnginePlan:
        settings, recipe, site = request.settings, request.recipe, request.site
        port = settings.integer("ENGINE_PORT")
        owned = {
            "--host": (site.engine_bind,),
            "--port": (str(port),),
            "--served-model-name": recipe.route_names,
        }
        self._check_owned(request, owned)
        env = {name.removeprefix("env."): str(item.value) for name, item in settings.starting_with("env.").items()}
        if site.engine_scratch:
            env.setdefault("VLLM_RPC_BASE_PATH", site.engine_scratch)
        env.setdefault("VLLM_NO_USAGE_STATS", "1")
        env.setdefault("PYTHONPATH", site.python_start)
        return EnginePlan(
            name="engine",
            kind="vllm",
            argv=self._argv(request, owned),
            env=dict(sorted(env.items())),
            secrets=("HF_TOKEN", "VLLM_API_KEY"),
            base_url=f"http://{site.engine_host}:{port}",
            served_names=recipe.route_names,
        )

    def _check_owned(self, request: EngineRequest, owned: dict[str, tuple[str, ...]]) -> None:
        instead = {"--port": "set ENGINE_PORT", "--served-model-name": "use `aliases:`", "--api-key": "use secrets/VLLM_API_KEY"}
        problems = []
        written = [(flag, request.recipe.path) for flag in request.recipe.command.flags] + [(flag, "-o") for flag in _overridden(request)]
        for flag, path in written:
            if flag.name in _HIDING:
                problems.append(Problem(path, flag.line, f"{flag.name} would hide the engine from the gateway", "remove it"))
            if flag.name in (*owned, "--api-key") and tuple(flag.value.split()) != owned.get(flag.name):
                hint = f"remove it{'; ' + instead[flag.name] if flag.name in instead else ''}"
                shown = "" if flag.name == "--api-key" else f" {flag.value}"
                problems.append(Problem(path, flag.line, f"{flag.name}{shown} is a flag that Slipway sets itself", hint))
        if problems:
            raise ConfigError(problems)

    def _argv(self, request: EngineRequest, owned: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
        overridden = {base_name(flag.name): flag for flag in _overridden(request)}
        emptied = {name for name, definition in BY_FLAG.items() if request.settings.value(definition.name) is None}
        written = [flag for flag in request.recipe.command.flags if base_name(flag.name) not in {*owned, *overridden, *emptied}]
        argv = [request.site.vllm, "serve", _model_path(request)]
        for flag in [*written, *overridden.values()]:
            argv += flag.tokens
        for name, values in owned.items():
            argv += [name, *values]
        return tuple(argv)

    def read_sign(self, line: str) -> LogSign | None:
        bar = _BAR.search(line)
        if bar:
            phase = "loading weights" if bar["what"].startswith("Loading") else "capturing CUDA graphs"
            return LogSign(phase, int(bar["done"]), int(bar["total"]))
        return next((LogSign(phase) for pattern, phase in _SIGNS if re.search(pattern, line)), None)


def _overridden(request: EngineRequest) -> list[Flag]:
    """Flags that come from outside the model file: `-o --flag=value`, and settings that are flags."""
    settings = request.settings
    flags = [Flag(name, _tokens(name, settings.text(name))) for name in settings.starting_with("--")]
    for name, definition in BY_FLAG.items():
        written = request.recipe.command.flag(name)
        if settings.value(definition.name) is not None and (
            written is None or settings.source(definition.name).label != request.recipe.path
        ):
            flags.append(Flag(name, (name, settings.text(definition.name))))
    return flags


def _tokens(name: str, value: str) -> tuple[str, ...]:
    return (f"{name}={value}",) if value.startswith("-") else (name, *([value] if value else []))


def _model_path(request: EngineRequest) -> str:
    """A model written as ./folder is a folder of the checkout."""
    model = request.recipe.command.model
    return f"{request.site.root}/{model[2:]}" if model.startswith("./") else model


ENGINE = VllmEngine()
