#!/usr/bin/env python3
"""Make models/demo: a Qwen3 of 1.4 million weights that shows, without a GPU or a download, that everything works.

Needs torch (2.9 or newer), transformers, tokenizers, safetensors and jinja2; two CPU cores and about ten minutes. The same
seed gives the same model on the same machine and Python. The model is examined after each mending course and written as soon
as every answer is right. Exits 1, and writes nothing, when that does not happen.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from demo_model.conversations import TEMPLATE
from demo_model.examination import examine
from demo_model.tokenizer import train_tokenizer
from demo_model.training import CONTEXT, TEACHING, build_model, plan_mending, train_model
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

HERE = Path(__file__).resolve().parent
DEFAULT_OUT = HERE.parent / "models" / "demo"
ATTEMPTS = 5  # mending courses
FILES = (
    "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    "chat_template.jinja",
)  # fmt: skip


def main() -> int:
    """Train, examine, and write the model where the arguments say."""
    parser = argparse.ArgumentParser(description="Make the demo model.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="directory to write (default: models/demo)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights and of the lessons (default: 0)")
    arguments = parser.parse_args()

    torch.set_num_threads(2)  # whatever the machine has, so that the result does not depend on the number of cores
    torch.manual_seed(arguments.seed)
    tokenizer = train_tokenizer(arguments.seed, CONTEXT)
    model = build_model(tokenizer)
    train_model(model, tokenizer, arguments.seed, TEACHING, say)
    for attempt in range(ATTEMPTS):
        model.to(torch.bfloat16).to(torch.float32)
        train_model(model, tokenizer, arguments.seed + 1 + attempt, plan_mending(attempt), say)
        with tempfile.TemporaryDirectory() as scratch:
            write_model(model, tokenizer, Path(scratch))
            if examine(Qwen3ForCausalLM.from_pretrained(scratch).eval(), tokenizer, say):
                keep(Path(scratch), arguments.out)
                return 0
    say(f"still wrong after {ATTEMPTS} attempts: nothing is written")
    return 1


def write_model(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, directory: Path) -> None:
    """Write the model as an engine loads it: weights in bfloat16, sampling that suits it, the template as it is."""
    model.to(torch.bfloat16).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    shutil.copyfile(TEMPLATE, directory / "chat_template.jinja")
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    sampling = {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 20}
    generation = {"eos_token_id": [end, pad], "pad_token_id": pad, **sampling}
    text = json.dumps(generation, indent=2) + "\n"
    (directory / "generation_config.json").write_text(text, encoding="utf-8")


def keep(directory: Path, out: Path) -> None:
    """Copy a model that has passed its examination to where it belongs."""
    out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(directory / name, out / name)
    say(f"wrote {out}: {sum((out / name).stat().st_size for name in FILES):,} bytes")


def say(line: str) -> None:
    """Tell the person who waits."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
