"""The facts files of the repository: each is read, names its source, and gives the size that its model is known for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slipway.fit.advice import try_predict
from slipway.fit.engine import EngineOptions
from slipway.fit.facts import read_shipped
from slipway.fit.parameters import list_matrices
from slipway.fit.weights import checkpoint_bytes
from tests.unit.fit.building import GPU

FOLDER = Path(__file__).parents[3] / "models/facts"
FILES = sorted(path.name for path in FOLDER.glob("*.json"))

# Billions of parameters without draft heads, and gigabytes of the checkpoint, as public sources name them: model cards, vLLM's
# recipes (the size of the weights), and for gpt-oss the total_size of the index files as widely quoted.
KNOWN = {
    "MiniMaxAI/MiniMax-M2.5": (229, 230),
    "Qwen/Qwen3-Coder-480B-A35B-Instruct": (480, 960),
    "Qwen/Qwen3-Next-80B-A3B-Instruct": (80, 160),
    "Qwen/Qwen3.6-27B": (27, 56),
    "Qwen/Qwen3.6-35B-A3B": (35, 72),
    "deepseek-ai/DeepSeek-V3.2": (671, 690),
    "google/gemma-4-31B-it": (31, 62),
    "moonshotai/Kimi-K2.5": (1030, 595),
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": (31.6, 63),
    "openai/gpt-oss-120b": (116.8, 65.2),
    "openai/gpt-oss-20b": (20.9, 13.8),
    "ByteDance-Seed/Seed-OSS-36B-Instruct": (36, 72),
    "zai-org/GLM-4.7-Flash": (30, 61),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_facts_file_can_be_predicted_from_and_names_its_source(name: str) -> None:
    facts = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    assert name == f"{facts['id'].replace('/', '--')}.json"
    assert set(facts) <= {"id", "source", "base", "notes", "checkpoint_bytes", "config"}
    assert facts["source"] and all(isinstance(source, str) and source for source in facts["source"])
    model = read_shipped(FOLDER, facts["id"])
    assert model and model.architecture.known
    found = try_predict(model, GPU, EngineOptions(max_model_len=8192))
    assert found and found.holding.per_token > 0


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_model_has_the_size_that_it_is_known_for(name: str) -> None:
    billions, gigabytes = KNOWN[name]
    model = read_shipped(FOLDER, name)
    assert model
    own = sum(matrix.parameters for matrix in list_matrices(model.architecture) if not matrix.draft and matrix.stored)
    assert own / 1e9 == pytest.approx(billions, rel=0.02)
    assert checkpoint_bytes(model.architecture, model.quantization) / 1e9 == pytest.approx(gigabytes, rel=0.03)
