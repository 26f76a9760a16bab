"""Facts of a model on a hub, by its small files alone: config.json, the index of its weights, or a header's few bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Protocol

from slipway.fit.facts import UnreadableFacts, build_model, parse_header, sum_tensors
from slipway.fit.prediction import Model
from slipway.fit.weights import Checkpoint


class Fetch(Protocol):
    def __call__(self, path: str, start: int = 0, length: int = 0) -> bytes | None:
        """`length` bytes of a repository's file from `start` on, or all of it for 0; None where there is no such file."""


def fetch_model(name: str, fetch: Fetch) -> Model | None:
    """None where `name` has no config.json. Raises what building a model raises, and what `fetch` does."""
    text = fetch("config.json")
    if text is None:
        return None
    config = _parse(text, "config.json")
    if not config.get("quantization_config") and (quantization := fetch("hf_quant_config.json")):
        config["quantization_config"] = {"quant_method": "modelopt", **_parse(quantization, "hf_quant_config.json")}
    return build_model(name, config, _checkpoint(fetch, config), origin=f"the hub: {name}")


def _checkpoint(fetch: Fetch, config: Mapping[str, Any]) -> Checkpoint:
    index = fetch("model.safetensors.index.json")
    if index is not None:
        return Checkpoint(int(_parse(index, "model.safetensors.index.json").get("metadata", {}).get("total_size") or 0))
    start = fetch("model.safetensors", 0, 8)
    if not start or len(start) < 8:
        return Checkpoint()
    header = fetch("model.safetensors", 8, struct.unpack("<Q", start[:8])[0])
    return sum_tensors(parse_header(header, "model.safetensors").items(), config) if header else Checkpoint()


def _parse(text: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UnreadableFacts(f"the hub's {name} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnreadableFacts(f"the hub's {name} holds no JSON object")
    return value
