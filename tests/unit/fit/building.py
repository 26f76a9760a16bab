"""Small configs and devices that the tests of slipway.fit share."""

from __future__ import annotations

from typing import Any

from slipway.fit.devices import Device
from slipway.fit.facts import build_model
from slipway.fit.prediction import Model
from slipway.fit.weights import Checkpoint
from slipway.gpus import GIB

GPU = Device("H200", 140 * GIB, 9.0)
CPU = Device("CPU", 16 * GIB, kind="cpu")

PLAIN: dict[str, Any] = {
    "model_type": "llama",
    "dtype": "bfloat16",
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
}


def model(changes: dict[str, Any] | None = None, checkpoint: Checkpoint | None = None) -> Model:
    """PLAIN with other values; a value of None takes the key out."""
    config = {key: value for key, value in {**PLAIN, **(changes or {})}.items() if value is not None}
    return build_model("a/model", config, checkpoint or Checkpoint(), origin="config.json")
