"""vLLM: its command line, its environment, and what its log says while it starts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from slipway.command import Flag
from slipway.engines.base import Findings, LogSign
from slipway.engines.config_file import read_config_files
from slipway.engines.preflight import check_engine
from slipway.engines.schema import choose_schema
from slipway.errors import ConfigError, Problem
from slipway.flags import base_name
from slipway.gpus import parse_gpus
from slipway.plan import SLIPWAY, Argument, EnginePlan, EngineRequest, Site, Variable
from slipway.resolve import Setting, Settings, Source
from slipway.settings import BY_FLAG
from slipway.typed_values import describe_type, merge_key

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

# Flags that Slipway sets itself, and what to set instead.
_OWNED = {"--host": "", "--port": "set ENGINE_PORT", "--served-model-name": "use `aliases:`"}
_SECRET = {"--api-key": "remove it; use secrets/VLLM_API_KEY", "--hf-token": "remove it; use secrets/HF_TOKEN"}

# Flags that would take the engine away from the address and protocol where gateway and health checks look for it.
_HIDING = frozenset({"--uds", "--ssl-keyfile", "--ssl-certfile", "--ssl-ca-certs", "--root-path", "--headless"})


class VllmEngine:
    """Plans `vllm serve` as a model file writes it, with the flags that Slipway must own."""

    def build_plan(self, request: EngineRequest) -> EnginePlan:
        settings, recipe, site = request.settings, request.recipe, request.site
        port = _port(settings, site)
        owned = (
            Argument("--host", ("--host", site.engine_bind), SLIPWAY, "the address where gateway and health checks look for the engine"),
            port,
            Argument(
                "--served-model-name", ("--served-model-name", *recipe.route_names), SLIPWAY, "the names of the gateway's routes to it"
            ),
        )
        problems = _owned_problems([*_written(request), *_overriding(request)], owned)
        if problems:
            raise ConfigError(problems)
        return EnginePlan(
            name="engine",
            kind="vllm",
            arguments=self._arguments(request, owned),
            variables=_variables(request),
            secrets=("HF_TOKEN", "VLLM_API_KEY"),
            base_url=f"http://{site.engine_host}:{port.words[1]}",
            served_names=recipe.route_names,
        )

    def check(self, plan: EnginePlan, version: str, read: Callable[[str], str]) -> Findings:
        configured, errors, warnings = read_config_files(plan.arguments, read)
        owned = [argument for argument in plan.arguments if argument.name in _OWNED]
        found = check_engine(choose_schema(version), [*plan.arguments, *configured], plan.variables)
        return Findings((*errors, *_owned_problems(configured, owned)), warnings) + found

    def configured(self, plan: EnginePlan, read: Callable[[str], str]) -> tuple[Argument, ...]:
        return read_config_files(plan.arguments, read)[0]

    def describe_flag(self, name: str, version: str) -> tuple[str, str, str] | None:
        schema = choose_schema(version).schema
        flag = schema.flags.get(base_name(name)) or schema.flags.get(name)
        if flag is None:
            return None
        default = flag.get("default")
        text = "" if default is None else json.dumps(default) if isinstance(default, bool) else str(default)
        return text, f"default of vLLM {schema.version}", describe_type(flag["type"])

    def _arguments(self, request: EngineRequest, owned: Sequence[Argument]) -> tuple[Argument, ...]:
        """The model file's flags, those that override them, and Slipway's own, each with the values that it replaced."""
        command, written = request.recipe.command, _written(request)
        overriding = _with_keys_merged(_overriding(request), written)
        emptied = {name for name, definition in BY_FLAG.items() if request.settings.value(definition.name) is None}
        replaced = {*emptied, *overriding, *(argument.name for argument in owned)}
        path = request.recipe.path
        models = tuple((model, Source(path, line)) for model, line in command.replaced)
        start = Argument("serve", (request.site.vllm, "serve", _model_path(request)), Source(path, command.line), shadowed=models)
        kept = [argument for argument in written if not {base_name(argument.name), argument.name.partition(".")[0]} & replaced]
        return (start, *kept, *(_shadowing(argument, written) for argument in (*overriding.values(), *owned)))

    def read_sign(self, line: str) -> LogSign | None:
        bar = _BAR.search(line)
        if bar:
            phase = "loading weights" if bar["what"].startswith("Loading") else "capturing CUDA graphs"
            return LogSign(phase, int(bar["done"]), int(bar["total"]))
        return next((LogSign(phase) for pattern, phase in _SIGNS if re.search(pattern, line)), None)


def _owned_problems(given: Sequence[Argument], owned: Sequence[Argument]) -> list[Problem]:
    """Flags that are Slipway's, given with other values, and flags that would hide the engine."""
    values = {argument.name: argument.words[1:] for argument in owned}
    problems = []
    for argument in given:
        path, line, value = argument.source.label, argument.source.line, _value(argument)
        if argument.name in _HIDING:
            problems.append(Problem(path, line, f"{argument.name} would hide the engine from the gateway", "remove it"))
        if argument.name in _SECRET:
            problems.append(Problem(path, line, f"{argument.name} would show a secret in the process list", _SECRET[argument.name]))
        elif argument.name in _OWNED and tuple(value.split()) != values.get(argument.name):
            hint = "; ".join(filter(None, ("remove it", _OWNED[argument.name])))
            problems.append(Problem(path, line, f"{argument.name} {value} is a flag that Slipway sets itself", hint))
    return problems


def _written(request: EngineRequest) -> list[Argument]:
    """The flags of the model file. One that is a setting too carries what it shadowed there."""
    settings, path = request.settings, request.recipe.path
    found = []
    for flag in request.recipe.command.flags:
        setting = settings.items.get(BY_FLAG[flag.name].name) if flag.name in BY_FLAG else None
        lost = tuple((other.value, Source(path, other.line)) for other in flag.replaced)
        shadowed = (*lost, *(setting.shadowed if setting and setting.source.label == path else ()))
        found.append(Argument(flag.name, _with_paths(flag.tokens, request), Source(path, flag.line), shadowed=shadowed))
    return found


def _overriding(request: EngineRequest) -> list[Argument]:
    """Flags that come from outside the model file: `-o --flag=value`, and settings that are flags."""
    settings = request.settings
    found = [
        Argument(name, _with_paths(_tokens(name, settings.text(name)), request), item.source, _why(name, item), item.shadowed)
        for name, item in settings.starting_with("--").items()
    ]
    for name, definition in BY_FLAG.items():
        item = settings.items.get(definition.name)
        written = request.recipe.command.flag(name)
        if item and item.value is not None and (written is None or item.source.label != request.recipe.path):
            found.append(Argument(name, (name, str(item.value)), item.source, f"from {definition.name}", item.shadowed))
    return found


def _with_keys_merged(overriding: Sequence[Argument], written: Sequence[Argument]) -> dict[str, Argument]:
    """Overriding arguments by name. `--flag.key` is set in the JSON value that the flag has, where it has one."""
    given = {argument.name: argument for argument in written}
    found = {base_name(argument.name): argument for argument in overriding if "." not in argument.name}
    for argument in overriding:
        name, dot, _ = argument.name.partition(".")
        whole = found.get(name) or given.get(name)
        value = merge_key(_value(whole), argument.name, _value(argument)) if dot and whole else None
        if whole and value is not None:
            lost = ((_value(whole), whole.source), *whole.shadowed)
            found[name] = Argument(name, (name, value), argument.source, f"{argument.name} set in the value that is there", lost)
        elif dot:
            found[argument.name] = argument
    return found


def _why(name: str, item: Setting) -> str:
    return "the longest that memory holds: the full context will not fit" if (name, item.source) == ("--max-model-len", SLIPWAY) else ""


def _shadowing(argument: Argument, written: Sequence[Argument]) -> Argument:
    """The same argument, which also knows the model file's flags that it replaces."""
    known = {source for _, source in argument.shadowed}
    name = base_name(argument.name)
    lost = tuple(
        (f"{other.name} {_value(other)}" if "." in other.name and "." not in name else _value(other), other.source)
        for other in written
        if (base_name(other.name) == name or other.name.partition(".")[0] == name) and other.source not in known
    )
    return replace(argument, shadowed=(*lost, *argument.shadowed))


def _value(argument: Argument) -> str:
    return Flag(argument.name, argument.words).value


def _variables(request: EngineRequest) -> tuple[Variable, ...]:
    """The environment that files, variables and options give, and what Slipway adds where they say nothing, sorted."""
    found = {}
    for key, item in request.settings.starting_with("env.").items():
        name = key.removeprefix("env.")
        found[name] = Variable(name, str(item.value), item.source, shadowed=item.shadowed)
    added = [
        ("VLLM_RPC_BASE_PATH", request.site.engine_scratch, "the engine's sockets lie in this stack's own folder"),
        ("VLLM_NO_USAGE_STATS", "1", "nothing is reported to anyone"),
        ("PYTHONPATH", request.site.python_start, "its sitecustomize.py makes imports quicker"),
    ]
    for name, value, why in added:
        if value and name not in found:
            found[name] = Variable(name, value, SLIPWAY, why)
    ids = parse_gpus(request.settings.text("GPUS"))[1]
    if ids and request.site.gpu_variable:
        chosen = Variable(request.site.gpu_variable, ",".join(ids), request.settings.source("GPUS"), "from GPUS")
        found.setdefault(chosen.name, chosen)
    for name, value in request.site.engine_env.items():
        lost = found.get(name)
        shadowed = ((lost.value, lost.source), *lost.shadowed) if lost else ()
        found[name] = Variable(name, value, SLIPWAY, "a path inside the container", shadowed)
    return tuple(found[name] for name in sorted(found))


def _port(settings: Settings, site: Site) -> Argument:
    if site.engine_port:
        return Argument("--port", ("--port", str(site.engine_port)), SLIPWAY, "the port inside the container")
    item = settings.items["ENGINE_PORT"]
    return Argument("--port", ("--port", settings.text("ENGINE_PORT")), item.source, "from ENGINE_PORT", item.shadowed)


def _tokens(name: str, value: str) -> tuple[str, ...]:
    return (f"{name}={value}",) if value.startswith("-") else (name, *([value] if value else []))


def _with_paths(tokens: tuple[str, ...], request: EngineRequest) -> tuple[str, ...]:
    """A flag's words, with the files that the recipe brings along as paths that the engine can open."""
    paths = {name: f"{request.site.root}/models/{name}" for name in request.recipe.files}
    words = []
    for token in tokens:
        head, equals, tail = token.partition("=")
        words.append(f"{head}={paths[tail]}" if equals and token.startswith("--") and tail in paths else paths.get(token, token))
    return tuple(words)


def _model_path(request: EngineRequest) -> str:
    """A model written as ./folder is a folder of the checkout."""
    model = request.recipe.command.model
    return f"{request.site.root}/{model[2:]}" if model.startswith("./") else model


ENGINE = VllmEngine()
