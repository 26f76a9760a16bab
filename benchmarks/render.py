"""How long configuration takes: one model as a whole process, and a thousand model files.

python -m benchmarks.render [--runs N]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import ROOT, print_table, process_seconds
from slipway.configuration import check_library, read_sources
from slipway.engines import build_plan
from slipway.hardware import Hardware
from slipway.plan import Site
from slipway.render import render_generated

COUNT = 1000


def make_library(folder: Path) -> None:
    """COUNT copies of the repository's model files, without aliases because those must be unique."""
    shutil.copy(ROOT / "vars.env", folder)
    (folder / "models").mkdir()
    # what model files name beside themselves
    for beside in (path for path in (ROOT / "models").iterdir() if path.is_dir()):
        (folder / "models" / beside.name).symlink_to(beside)
    texts = [path.read_text() for path in sorted((ROOT / "models").glob("*.yml"))]
    for number in range(COUNT):
        lines = texts[number % len(texts)].splitlines(keepends=True)
        (folder / f"models/model-{number:04}.yml").write_text("".join(line for line in lines if not line.startswith("aliases:")))


def check_and_render(folder: Path) -> float:
    """Seconds to read, check, plan and render every model file of a library."""
    started = time.perf_counter()
    good, problems = check_library(read_sources(folder, {}))
    site = Site("/slipway", "/generated", "/slipway/secrets")
    for configuration in good.values():
        render_generated(build_plan(configuration, Hardware("cuda", 1), site), site, ROOT / "templates")
    assert len(good) == COUNT and not problems, problems[:3]
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    runs = range(parser.parse_args().runs)
    whole = [process_seconds([str(ROOT / "runMe.sh"), "render", "demo"]) for _ in runs]
    bare = [process_seconds([sys.executable, "-c", "pass"]) for _ in runs]
    with tempfile.TemporaryDirectory() as name:
        make_library(Path(name))
        thousand = [check_and_render(Path(name)) for _ in runs]
    rows = [
        ("python -c pass, for comparison", bare),
        ("./runMe.sh render demo, whole process", whole),
        (f"{COUNT} model files checked and rendered", thousand),
    ]
    print_table("configuration", rows, {rows[1][0]: 0.4, rows[2][0]: 2.0})


if __name__ == "__main__":
    main()
