#!/bin/sh
# The engine container's entrypoint: generates the configuration with the image's own Python, then becomes `vllm serve`.
set -eu
generated="${GENERATED_CONFIG_DIR:-/generated}"
# a configuration of an earlier model must not be taken for this one's
rm -f "$generated/config.yaml" "$generated/models.yml" "$generated/engine.sh"
cd /slipway
PYTHONDONTWRITEBYTECODE=1 python3 -m slipway.cli.generate --container --only models.yml,config.yaml,engine.sh --to "$generated"
exec sh "$generated/engine.sh"
