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

# Billions of parameters without draft heads, as model cards name them; gigabytes of the checkpoint: as named by vLLM's recipes or
# widely quoted (gpt-oss, Kimi, DeepSeek V3.2, MiniMax), else what the parameters take in the checkpoint's packing.
KNOWN = {
    "MiniMaxAI/MiniMax-M2.5": (229, 230),
    "Qwen/Qwen3-Coder-480B-A35B-Instruct": (480, 960),
    "Qwen/Qwen3-Next-80B-A3B-Instruct": (80, 160),
    "Qwen/Qwen3.6-27B": (27, 56),
    "Qwen/Qwen3.6-35B-A3B": (35, 72),
    "Qwen/Qwen3.5-122B-A10B": (122, 245),
    "XiaomiMiMo/MiMo-V2-Flash": (309, 313),
    "deepseek-ai/DeepSeek-V3.2": (671, 690),
    "deepseek-ai/DeepSeek-V4-Flash-0731": (284, 160),
    "deepseek-ai/DeepSeek-V4-Pro-0813": (1600, 865),
    "google/gemma-4-31B-it": (31, 62),
    "mistralai/Mistral-Small-4-119B-2603": (119, 121),
    "moonshotai/Kimi-K2.5": (1030, 595),
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": (31.6, 63),
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16": (120.6, 247),
    "openai/gpt-oss-120b": (116.8, 65.2),
    "openai/gpt-oss-20b": (20.9, 13.8),
    "ByteDance-Seed/Seed-OSS-36B-Instruct": (36, 72),
    "stepfun-ai/Step-3.5-Flash": (196, 393),
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
