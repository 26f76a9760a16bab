#!/bin/sh
# Writes models.yml (and the engine's start script) into the generated-config folder: gen_models_yml.sh --model NAME [--to FOLDER]
root="$(cd "$(dirname "$0")/.." && pwd)"
exec "${PYTHON:-python3}" "$root/scripts/generate_litellm_config.py" --only models.yml,engine.sh "$@"
