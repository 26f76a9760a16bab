"""`fit` against the engine: small models of each family, and what vLLM itself reports for them. docs/fit.md shows the numbers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.fit.engine import EngineOptions
from slipway.fit.facts import read_folder
from slipway.fit.host import read_cpu
from slipway.fit.prediction import predict
from slipway.fit.weights import checkpoint_bytes
from slipway.launchers.local_environments import engine_blueprint
from tests.e2e.fit_cases import CASES, Case

ROOT = Path(__file__).resolve().parents[2]
# EngineArgs and what `fit` calls the same
_OPTIONS = {
    "max_model_len": "max_model_len",
    "kv_cache_dtype": "cache_dtype",
    "enable_prefix_caching": "prefix_caching",
    "tensor_parallel_size": "tensor_parallel",
    "pipeline_parallel_size": "pipeline_parallel",
}


def options(case: Case) -> EngineOptions:
    """What `fit` would read from the case's flags."""
    values: dict[str, Any] = {_OPTIONS[name]: value for name, value in case.flags.items() if name in _OPTIONS}
    draft = case.flags.get("speculative_config", {})
    speculation = {"draft": draft["method"], "draft_tokens": draft["num_speculative_tokens"]} if draft else {}
    return EngineOptions(cache_bytes=case.memory, **values, **speculation)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def reports(folder: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """What vLLM says of every case, by its name; all of them in one process."""
    python = ROOT / ".slipway/envs" / engine_blueprint(ROOT, "cpu").folder_name / "bin/python"
    # two workers on a machine with one memory node must not each want a node of their own
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    done = subprocess.run(
        [str(python), str(ROOT / "tests/e2e/kv_sizing.py"), str(folder)],
        input=json.dumps([case.asdict() for case in CASES]), text=True, capture_output=True, env=environ, timeout=900, check=False,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(answers) == len(CASES), done.stderr[-4000:]
    yield {answer["name"]: answer for answer in answers}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_vllm_reports_the_tokens_and_the_weights_that_fit_predicts(case: Case, folder: Path, reports: dict[str, dict[str, Any]]) -> None:
    report = reports[case.name]
    assert "error" not in report, report["error"]
    model = read_folder(folder / case.name, case.name)
    device, host = read_cpu()
    assert device
    told = options(case)
    found = predict(model, device, told, host)
    if told.max_model_len < 0:
        # vLLM searches for the longest context that fits, and `fit` does so too
        found = predict(model, device, replace(told, max_model_len=0), host)
        assert 0 < found.longest < found.context
        assert found.longest == pytest.approx(report["longest"], rel=0.01)
        found = predict(model, device, replace(told, max_model_len=found.longest), host)
    assert found.capacity.tokens == pytest.approx(report["tokens"], rel=0.01)
    assert found.capacity.blocks == pytest.approx(report["blocks"], rel=0.01)
    computed = checkpoint_bytes(model.architecture, model.quantization, drafts=model.checkpoint.draft != 0)
    assert computed == pytest.approx(model.checkpoint.size, rel=0.01)
