#!/usr/bin/env python3
"""Writes LiteLLM's config.yaml into the generated-config folder: generate_litellm_config.py --model NAME [--to FOLDER]."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    from slipway.cli.generate import main
except ModuleNotFoundError as error:
    sys.exit(
        f"error: this Python has no {error.name}\n"
        "hint: use Slipway's own, .slipway/envs/launcher/bin/python, or install PyYAML, Jinja2, python-dotenv and pydantic"
    )

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
