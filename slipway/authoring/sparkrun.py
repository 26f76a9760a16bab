"""A sparkrun recipe (github.com/spark-arena/sparkrun, RECIPES.md, and the older eugr form) → a draft.

Its format: `model`, `runtime`, `container`, `defaults` (values), `command` (a template with {key} for the defaults) and
`env`; without a command, sparkrun makes one of the defaults that it knows.
"""

from __future__ import annotations

import re

from slipway.authoring.draft import Draft, plain_name
from slipway.authoring.foreign import Dropped, Foreign
from slipway.command import Command, CommandError, Flag, parse_command
from slipway.errors import ConfigError, Problem
from slipway.flags import canonical_name
from slipway.model_file import NAME_PATTERN
from slipway.recipe_checks import names_file
from slipway.secrets import KNOWN as SECRETS

_RUNTIMES = ("", "vllm", "vllm-distributed", "vllm-ray", "eugr-vllm")
_KEY = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

# What sparkrun's vLLM runtimes make of `defaults` where a recipe has no command; other keys they leave out.
_FLAGS = {
    "tensor_parallel": "--tensor-parallel-size",
    "pipeline_parallel": "--pipeline-parallel-size",
    "data_parallel": "--data-parallel-size",
    "gpu_memory_utilization": "--gpu-memory-utilization",
    "max_model_len": "--max-model-len",
    "max_num_batched_tokens": "--max-num-batched-tokens",
    "max_num_seqs": "--max-num-seqs",
    "dtype": "--dtype",
    "quantization": "--quantization",
    "kv_cache_dtype": "--kv-cache-dtype",
    "otlp_traces_endpoint": "--otlp-traces-endpoint",
}
_SWITCHES = ("enforce_eager", "enable_prefix_caching", "trust_remote_code", "enable_auto_tool_choice")

_OWNED = {
    "--host": "Slipway sets it",
    "--port": "Slipway sets it: ENGINE_PORT",
    "--served-model-name": "Slipway sets it: the file's name and its aliases",
    "--api-key": "Slipway sets it: secrets/VLLM_API_KEY",
    "--distributed-executor-backend": "Slipway runs one engine on one machine",
}

_REASONS = {
    "mods": "patches of the container; Slipway runs vLLM as it is",
    "build_args": "for building the container; Slipway runs vLLM as it is",
    "builder": "for building the container; Slipway runs vLLM as it is",
    "builder_config": "for building the container; Slipway runs vLLM as it is",
    "pre_exec": "commands inside the container; Slipway runs vLLM as it is",
    "post_exec": "commands after the start; Slipway runs none",
    "post_commands": "commands after the start; Slipway runs none",
    "stop_after_post": "commands after the start; Slipway runs none",
    "executor_config": "for sparkrun's containers",
    "runtime_config": "for sparkrun's runtimes",
    "distribution_config": "for several machines",
    "benchmark": "Slipway does not run sparkrun's benchmarks",
    "metadata": "for readers",
    "defaults": "neither the command uses it, nor sparkrun without one",
    "sparkrun_version": "for readers",
    "recipe_version": "for readers",
    "runtime_version": "for readers",
    "name": "for readers",
    "mode": "Slipway runs one engine on one machine",
    "min_nodes": "Slipway runs one engine on one machine",
    "max_nodes": "Slipway runs one engine on one machine",
    "solo_only": "Slipway runs one engine on one machine",
    "cluster_only": "Slipway runs one engine on one machine",
}


def draft_from_sparkrun(foreign: Foreign) -> tuple[Draft, tuple[Dropped, ...]]:
    """Raises ConfigError for a recipe of another engine, and for one whose command cannot be read."""
    model = foreign.text("model")
    runtime = foreign.text("runtime")
    if runtime not in _RUNTIMES:
        raise _problem(foreign, "runtime", f"the recipe is for {runtime}, and Slipway serves with vLLM")
    command = _command(foreign, model)
    draft = Draft(plain_name(foreign.text("name") or command.model), command.model)
    draft.description = foreign.text("metadata", "description") or foreign.text("description")
    draft.flags = [flag for flag in command.flags if not _is_dropped(foreign, flag)]
    revision = foreign.text("model_revision")
    if revision and command.flag("--revision") is None:
        draft.flags.append(Flag("--revision", ("--revision", revision)))
    served = command.flag("--served-model-name")
    names = [foreign.text("defaults", "served_model_name"), *(served.tokens[1:] if served else ())]
    draft.aliases = [name for name in dict.fromkeys(names) if re.fullmatch(NAME_PATTERN, name) and name not in (draft.name, "vllm_agent")]
    draft.env = _environment(foreign)
    draft.image = foreign.image("container")
    for key in ("min_nodes", "solo_only", "cluster_only", "mode", "max_nodes"):
        if foreign.text(key) in ("1", "true", "false", "auto", "solo"):
            foreign.take(key)  # one machine is what Slipway has, or the value asks for nothing
            continue
        foreign.taken.discard((key,))
    return draft, foreign.finish(_REASONS)


def _command(foreign: Foreign, model: str) -> Command:
    template = foreign.take("command")
    if not isinstance(template, str) or not template.strip():
        if not model:
            raise _problem(foreign, "model", "the recipe names no model")
        return _command_of_defaults(foreign, model)
    first_line = foreign.document.line("command") + (1 if "\n" in template else 0)

    def value(match: re.Match[str]) -> str:
        if match[1] == "model" and model:
            return model
        known = foreign.peek("defaults", match[1])
        if known is None or isinstance(known, (dict, list)):
            return match[0]
        return foreign.text("defaults", match[1])

    filled = template
    for _ in range(3):  # a default may hold {other}
        filled = _KEY.sub(value, filled)
    left = _KEY.search(filled)
    if left:
        line = first_line + filled.count("\n", 0, left.start())
        raise ConfigError([Problem(foreign.document.path, line, f"{left[0]} in the command has no value among the defaults")])
    try:
        return parse_command(filled, first_line)
    except CommandError as error:
        raise ConfigError([Problem(foreign.document.path, error.line, error.message, error.hint)]) from None


def _command_of_defaults(foreign: Foreign, model: str) -> Command:
    flags = []
    for key, value in foreign.mapping("defaults").items():
        line = foreign.document.line("defaults", key)
        if key in _FLAGS and not isinstance(value, (dict, list, bool)) and value is not None:
            flags.append(Flag(_FLAGS[key], (_FLAGS[key], foreign.text("defaults", key)), line))
        elif key in _SWITCHES and isinstance(value, bool):
            foreign.take("defaults", key)
            flags += [Flag(name, (name,), line) for name in ["--" + key.replace("_", "-")] if value]
        elif canonical_name("--" + key) in _OWNED:
            foreign.drop(_OWNED[canonical_name("--" + key)], "defaults", key)
    return Command(model, tuple(flags))


def _is_dropped(foreign: Foreign, flag: Flag) -> bool:
    why = f"the file {flag.value} is no part of the recipe" if names_file(flag) else _OWNED.get(flag.name)
    if why:
        foreign.dropped.append(Dropped(flag.line, flag.name, why))
    return bool(why)


def _environment(foreign: Foreign) -> dict[str, str]:
    for name, value in foreign.mapping("env").items():
        if name in SECRETS:
            foreign.drop(f"a secret: put it into secrets/{name}", "env", name)
        elif not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            foreign.drop("no name of a variable", "env", name)
        elif isinstance(value, str) and re.search(r"\$\{?[A-Za-z_]", value):
            foreign.drop("a variable of the machine that sparkrun runs on", "env", name)
    return {
        name: foreign.text("env", name)
        for name, value in foreign.mapping("env").items()
        if ("env", name) not in foreign.taken and not isinstance(value, (dict, list)) and value is not None
    }


def _problem(foreign: Foreign, key: str, message: str) -> ConfigError:
    return ConfigError([Problem(foreign.document.path, foreign.document.line(key), message)])
