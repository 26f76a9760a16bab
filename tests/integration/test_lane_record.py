"""What LiteLLM writes down of a request, made from what it has written down of another one."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_row_and_its_sum_are_to_the_letter_what_litellm_makes_of_any_usage(gateway_folder: Path) -> None:
    argv = [str(gateway_folder / "bin/python"), "-m", "tests.integration.lane_record"]
    said = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120).stdout

    found = json.loads(said.splitlines()[-1])
    assert len(found) == 6
    assert found == {usage: [[], []] for usage in found}
