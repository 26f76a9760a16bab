#!/bin/sh
# The engine container's entrypoint: generates the configuration with the image's own Python, then becomes `vllm serve`.
set -eu
# the first process of a container gets no signal that it does not ask for
trap 'exit 143' TERM INT
# the gateway must not take an earlier model's configuration for this one's
rm -f /generated/stamp /generated/config.yaml /generated/models.yml /generated/engine.sh
cd /slipway
PYTHONDONTWRITEBYTECODE=1 python3 -m slipway.cli.generate --container
exec sh /generated/engine.sh
