"""What the gateway asks engines for itself, with its own HTTP parser and LiteLLM's hooks."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_requests_that_come_at_once_ask_once_and_all_questions_share_a_connection(gateway_folder: Path) -> None:
    argv = [str(gateway_folder / "bin/python"), "-m", "tests.integration.engine_questions"]
    ran = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)

    assert json.loads(ran.stdout) == {
        "fitted": [100],
        "asked": ["GET /v1/models authorization: Bearer key", 'POST /tokenize authorization: Bearer key {"prompt": "Hello"}'],
        "connections": 1,
        "https": "https:// is not spoken here",
    }
