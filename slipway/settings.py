"""The one table of settings: name, type, default and meaning; vars.env, docs/configuration.md and the checks follow it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from slipway.gpus import parse_gpu, parse_gpus

# Variables with these prefixes are no settings: they go to the engine's environment as they are.
ENGINE_PREFIXES = ("NCCL_", "VLLM_", "HF_", "CUDA_", "TORCH_", "RAY_")

Typed = str | int | float | None

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_size(text: str) -> int:
    """A count with an optional binary unit: 128K is 131072, 1M is 1048576. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,15})([KMGkmg]?)", text.strip())
    if not match:
        raise ValueError(f"must be a size such as 4096, 128K or 1M, not {text!r}")
    return int(match[1]) * _UNITS[match[2].upper()]


@dataclass(frozen=True)
class Definition:
    """One setting. `recipe_key` is its name in a model file's litellm section, `flag` its name in the command."""

    name: str
    kind: str  # text, name, choice, integer, number, fraction, size, port, gpu or mapping
    default: str
    doc: str
    section: str
    choices: tuple[str, ...] = ()
    recipe_key: str = ""
    flag: str = ""
    minimum: float = 0
    maximum: float = math.inf

    @property
    def may_be_empty(self) -> bool:
        """Whether there is a meaning to having no value: then an empty one wins, else it leaves the weaker layer's in force."""
        return not self.default or bool(self.recipe_key or self.flag)

    def parse(self, raw: object) -> Typed:
        """Turn what a file or a variable holds into a value; empty text gives None. Raises ValueError, to follow a name.

        A mapping's value is its JSON text, so that every setting is a plain value.
        """
        if self.kind == "mapping" and not (isinstance(raw, str) and not raw.strip()):
            return _parse_mapping(raw)
        if isinstance(raw, (dict, list)):
            raise ValueError(f"must be {_KIND_WORDS[self.kind]}, not a {'mapping' if isinstance(raw, dict) else 'list'}")
        text = str(raw).strip()
        if text == "":
            return None
        if isinstance(raw, bool):
            raise ValueError(f"must be {_KIND_WORDS[self.kind]}, not {str(raw).lower()}")
        return self._parse_text(text)

    def _parse_text(self, text: str) -> Typed:
        if self.kind == "text":
            return text
        if self.kind == "name":
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", text):
                raise ValueError(f"must be letters, digits, '-' and '_', not {text!r}")
            return text
        if self.kind == "gpu":
            parse_gpu(text)
            return text
        if self.kind == "gpus":
            parse_gpus(text)
            return text
        if self.kind == "choice":
            if text not in self.choices:
                raise ValueError(f"must be one of {', '.join(self.choices)}, not {text!r}")
            return text
        value = parse_size(text) if self.kind == "size" else self._parse_number(text)
        return self._in_range(value, text)

    def _parse_number(self, text: str) -> int | float:
        try:
            value = int(text) if self.kind in ("integer", "port") else float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"must be {_KIND_WORDS[self.kind]}, not {text!r}")
        return value

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest number that is taken."""
        return (1, 65535) if self.kind == "port" else (self.minimum, 1 if self.kind == "fraction" else self.maximum)

    def _in_range(self, value: int | float, text: str) -> int | float:
        low, high = self.bounds
        if not low <= value <= high:
            bounds = f"at least {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
            raise ValueError(f"must be {bounds}, not {text}")
        return value


_KIND_WORDS = {
    "text": "text",
    "name": "text",
    "choice": "text",
    "integer": "a whole number",
    "number": "a number",
    "fraction": "a number between 0 and 1",
    "size": "a size",
    "port": "a port number",
    "gpu": "a GPU",
    "gpus": "a number of GPUs, or their ids",
    "mapping": "a mapping of names to values",
}


def _parse_mapping(raw: object) -> str:
    """The JSON text of a mapping, or of the JSON text of one. Raises ValueError."""
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
        if isinstance(value, dict):
            return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        pass
    raise ValueError(f"must be a mapping of names to plain values, or the same as JSON, not {raw!r}")


_WHAT, _WHERE, _SAMPLING, _GATEWAY, _ENGINE, IMAGES = (
    "What to launch", "Where it runs", "Sampling defaults", "The gateway", "The engine", "Container images",
)  # fmt: skip

DEFINITIONS: tuple[Definition, ...] = (
    Definition("MODEL", "text", "glm47-flash", "the model file to launch: models/NAME.yml", _WHAT),
    Definition("VARIANT", "text", "", "the model file's variant to launch; base: the command as it stands; empty: what fits", _WHAT),
    Definition("RUNTIME", "choice", "auto", "where the parts run: local (processes), docker (Compose), or auto", _WHERE,
               choices=("auto", "local", "docker")),
    Definition("STACK_NAME", "name", "slipway", "name of this stack; two names run side by side from one checkout", _WHERE),
    Definition("ENGINE_DEVICE", "choice", "auto", "what vLLM computes on: auto looks for an NVIDIA, then an AMD GPU, else cpu", _WHERE,
               choices=("auto", "cuda", "rocm", "cpu")),
    Definition("GPU", "gpu", "", "the GPU to plan for, such as h200, rtx 4090 or 48GiB; empty: the one that is here", _WHERE),
    Definition("GPUS", "gpus", "", "how many GPUs to plan for, or which: ids such as 0,1; empty: those that are here", _WHERE),
    Definition("GENERATED_CONFIG_DIR", "text", "", "where models.yml and config.yaml go; empty: a folder on /dev/shm", _WHERE),
    Definition("START_STALL_TIMEOUT", "integer", "900",
               "seconds without any sign of progress (log lines, bytes) after which a launch gives up", _WHERE, minimum=1),
    Definition("LITELLM_TEMPERATURE", "number", "0.7", "randomness; 0 always takes the likeliest token", _SAMPLING,
               recipe_key="temperature"),
    Definition("LITELLM_TOP_P", "fraction", "0.9", "sample from the likeliest tokens that together reach this share", _SAMPLING,
               recipe_key="top_p", minimum=0.001),
    Definition("LITELLM_TOP_K", "integer", "50", "sample from this many likeliest tokens; 0 or -1 means all", _SAMPLING,
               recipe_key="top_k", minimum=-1),
    Definition("LITELLM_MIN_P", "fraction", "", "drop tokens less likely than this share of the likeliest one", _SAMPLING,
               recipe_key="min_p"),
    Definition("LITELLM_REPETITION_PENALTY", "number", "1.1", "above 1 makes tokens already seen less likely", _SAMPLING,
               recipe_key="repetition_penalty", minimum=0.01),
    Definition("LITELLM_PRESENCE_PENALTY", "number", "", "above 0 favours new topics (-2 to 2)", _SAMPLING,
               recipe_key="presence_penalty", minimum=-2, maximum=2),
    Definition("LITELLM_FREQUENCY_PENALTY", "number", "", "above 0 discourages frequent words (-2 to 2)", _SAMPLING,
               recipe_key="frequency_penalty", minimum=-2, maximum=2),
    Definition("LITELLM_MAX_TOKENS", "size", "128K", "longest answer, in tokens, for a client that sets none", _SAMPLING,
               recipe_key="max_tokens", minimum=1),
    Definition("LITELLM_CHAT_TEMPLATE_KWARGS", "mapping", "", "what the model's chat template is told, such as enable_thinking", _SAMPLING,
               recipe_key="chat_template_kwargs"),
    Definition("GATEWAY_HOST", "text", "127.0.0.1", "address the gateway listens on; beyond loopback it needs a real key", _GATEWAY),
    Definition("GATEWAY_PORT", "port", "4000", "port the gateway listens on", _GATEWAY),
    Definition("MAX_PARALLEL_REQUESTS", "integer", "16", "requests at once on each route; one more is answered 429", _GATEWAY,
               minimum=1),
    Definition("GATEWAY_WORKERS", "integer", "",
               "processes of the gateway; empty: one for each 128 of MAX_PARALLEL_REQUESTS, at most 4 and half the cores", _GATEWAY,
               minimum=1, maximum=64),
    Definition("LANE", "choice", "on", "on: the engine's answers reach the client as they are, at its speed; off: all through LiteLLM",
               _GATEWAY, choices=("on", "off")),
    Definition("REQUEST_TIMEOUT", "integer", "3600", "seconds after which the gateway gives up on one request", _GATEWAY, minimum=1),
    Definition("ENGINE_PORT", "port", "8000", "loopback port of the engine", _ENGINE),
    Definition("PUBLISH_ENGINE", "choice", "no", "with Docker: whether ENGINE_PORT leads to the engine, on loopback", _ENGINE,
               choices=("no", "yes")),
    Definition("GPU_MEMORY_UTILIZATION", "fraction", "0.75", "share of GPU memory that vLLM may take", _ENGINE,
               flag="--gpu-memory-utilization", minimum=0.01),
    Definition("ENGINE_IMAGE", "text", "vllm/vllm-openai:v0.32.0", "the engine's image, for NVIDIA GPUs", IMAGES),
    Definition("ENGINE_IMAGE_ROCM", "text", "vllm/vllm-openai-rocm:v0.32.0", "the same for AMD GPUs", IMAGES),
    Definition("ENGINE_IMAGE_CPU", "text", "vllm/vllm-openai-cpu:v0.32.0", "the same for machines without a GPU", IMAGES),
    Definition("GATEWAY_IMAGE", "text", "ghcr.io/berriai/litellm:v1.106.2", "the gateway's image", IMAGES),
    Definition("DATABASE_IMAGE", "text", "postgres:16", "the database's image", IMAGES),
)  # fmt: skip

BY_NAME = {definition.name: definition for definition in DEFINITIONS}
BY_RECIPE_KEY = {definition.recipe_key: definition for definition in DEFINITIONS if definition.recipe_key}
BY_FLAG = {definition.flag: definition for definition in DEFINITIONS if definition.flag}
# device -> the setting that names the engine's image for it
IMAGE_SETTINGS = {"cuda": "ENGINE_IMAGE", "rocm": "ENGINE_IMAGE_ROCM", "cpu": "ENGINE_IMAGE_CPU"}


def is_engine_variable(name: str) -> bool:
    """True for a variable that belongs to the engine's environment by its prefix."""
    return name.startswith(ENGINE_PREFIXES)
