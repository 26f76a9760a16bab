"""Runs with the engine's own Python: what its argument parser makes of commands, and a fresh dump of its schema, as JSON.

ask_engine.py CHECKOUT < {name: argv after `vllm serve`}
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"


def main() -> None:
    commands = json.load(sys.stdin)
    sys.path.insert(0, str(Path(sys.argv[1]) / "scripts"))
    import dump_engine_schema  # type: ignore[import-not-found]  # in scripts/, which is no package

    schema = dump_engine_schema.build_schema()
    parser = dump_engine_schema.serve_parser()
    parsed = {}
    for name, words in commands.items():
        try:
            parsed[name] = {
                key: value for key, value in vars(parser.parse_args(words)).items() if isinstance(value, (str, int, list, type(None)))
            }
        except (SystemExit, ValueError) as error:
            parsed[name] = {"refused": str(error)}
    sys.stdout.write(json.dumps({"schema": schema, "parsed": parsed}, default=str) + "\n")


if __name__ == "__main__":
    main()
