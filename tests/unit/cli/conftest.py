"""A checkout of its own for each test, and the command line run in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.cli.main import main

ROOT = Path(__file__).parents[3]
Say = tuple[int, str, str]  # exit status, standard output, standard error
_SETTINGS = (
    "MODEL", "VARIANT", "RUNTIME", "GPU", "GPUS", "ENGINE_DEVICE", "GPU_MEMORY_UTILIZATION", "GATEWAY_HOST", "LITELLM_MASTER_KEY",
    "SLIPWAY_HOME",
)  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One model, in an environment without settings."""
    root = tmp_path / "checkout"
    (root / "models").mkdir(parents=True)
    (root / "models/demo.yml").write_text("command: vllm serve ./models/demo\ndescription: A toy\n")
    for name in ("templates", "requirements"):
        (root / name).symlink_to(ROOT / name)
    monkeypatch.setattr("slipway.cli.context.ROOT", root)
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return root


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Say]:
    def run(*words: str) -> Say:
        with pytest.raises(SystemExit) as caught:
            main(words)
        captured = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, captured.out, captured.err

    return run
