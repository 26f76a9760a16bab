"""Runs with the engine's own Python: answers questions about its `vllm serve` parser, one JSON line for each that it reads.

ask_engine.py CHECKOUT; a question is "schema" (a fresh dump), {name: argv} (what the parser makes of each argv that follows
`vllm serve`), or [argv, argv] (the names of the values in which two differ, with both).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"


def parse(parser: Any, words: list[str]) -> dict[str, Any]:
    """The parsed values, or {"refused": why}."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return dict(vars(parser.parse_args(words)))
    except (SystemExit, ValueError) as error:
        return {"refused": said.getvalue().strip().rpartition("\n")[2] or str(error)}


def main() -> None:
    sys.path.insert(0, str(Path(sys.argv[1]) / "scripts"))
    import dump_engine_schema  # type: ignore[import-not-found]  # in scripts/, which is no package

    # what the parser itself prints must not stand among the answers
    answers, sys.stdout = sys.stdout, sys.stderr
    parser = dump_engine_schema.serve_parser()
    for line in sys.stdin:
        question = json.loads(line)
        answer: Any
        if question == "schema":
            answer = dump_engine_schema.build_schema()
        elif isinstance(question, dict):
            answer = {name: parse(parser, words) for name, words in question.items()}
        else:
            one, other = (parse(parser, words) for words in question)
            answer = {
                name: [repr(one.get(name)), repr(other.get(name))]
                for name in {*one, *other}
                if repr(one.get(name)) != repr(other.get(name))
            }
        answers.write(json.dumps(answer, default=str) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
