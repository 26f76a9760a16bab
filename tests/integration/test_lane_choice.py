"""Where a request goes that follows a precedent, beside LiteLLM's own router."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_where_a_route_has_one_deployment_that_is_well_the_router_is_not_asked(gateway_folder: Path) -> None:
    argv = [str(gateway_folder / "bin/python"), "-m", "tests.integration.lane_choice"]
    ran = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)

    assert json.loads(ran.stdout) == {
        "one": ["one", "one"],
        "by an alias": ["one", "one"],
        "cooled down": ["", "RouterRateLimitError"],
        "blocked": ["", "RouterRateLimitError"],
        "checked before": "",
        "two": "",
    }
