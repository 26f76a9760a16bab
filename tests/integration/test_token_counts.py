"""Tokens that the engine does not count, with LiteLLM's own code."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_litellms_tokenizer_is_read_for_text_only_and_not_for_requests_that_found_no_engine(gateway_folder: Path) -> None:
    argv = [str(gateway_folder / "bin/python"), "-m", "tests.integration.token_counts"]
    ran = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)

    assert json.loads(ran.stdout) == {
        "failed": 0,
        "handed_on": "cl100k_base",
        "empty": 0,
        "read_for_these": False,
        "text": 2,
        "read_for_text": True,
    }
