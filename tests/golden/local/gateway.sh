#!/bin/sh
# Starts gateway; rendered by Slipway. Secrets are read here, at start, from files: none is in this script or in an argv.
set -eu
# an earlier self that was killed may have left its workers, and the memory they hold
if [ -e /dev/shm/slipway-0123456789/gateway.pid ]; then mv /dev/shm/slipway-0123456789/gateway.pid /dev/shm/slipway-0123456789/gateway.pid.old; fi
echo $$ > /dev/shm/slipway-0123456789/gateway.pid
if [ -e /dev/shm/slipway-0123456789/gateway.pid.old ]; then
  PYTHONPATH=/slipway /usr/bin/python3 -m slipway.launchers.leftovers /dev/shm/slipway-0123456789/gateway.pid.old
fi
export PATH=/usr/bin:"$PATH"
export DISABLE_SCHEMA_UPDATE=true
export LITELLM_LOCAL_MODEL_COST_MAP=True
export LITELLM_WORKER_STARTUP_HOOKS=slipway.gateway.outage:install,slipway.gateway.responses:install,slipway.gateway.counting:install,slipway.gateway.fitting_hook:install,slipway.gateway.once:install,slipway.gateway.routes:install,slipway.gateway.lane:install,slipway.gateway.warm:install
export LITELLM_MODE=PRODUCTION
export LITELLM_LOG=WARNING
export SPEND_LOG_WRITE_BATCH_MAX_ROWS=30
export PRISMA_QUERY_ENGINE_BINARY=/slipway/.slipway/envs/gateway-0123456789ab/prisma/query_engine.mjs
export PRISMA_CLI_QUERY_ENGINE_TYPE=binary
export PRISMA_BINARY_CACHE_DIR=/slipway/.slipway/envs/gateway-0123456789ab/prisma
export PRISMA_SCHEMA_ENGINE_BINARY=/bin/false
export CHECKPOINT_DISABLE=1
export SLIPWAY_RUN_FOLDER=/dev/shm/slipway-0123456789
export PYTHONPATH=/slipway:/slipway/slipway/startup
if [ -r /dev/shm/slipway-0123456789/secrets/LITELLM_MASTER_KEY ]; then LITELLM_MASTER_KEY="$(cat /dev/shm/slipway-0123456789/secrets/LITELLM_MASTER_KEY)"; export LITELLM_MASTER_KEY; fi
if [ -r /dev/shm/slipway-0123456789/secrets/VLLM_API_KEY ]; then VLLM_API_KEY="$(cat /dev/shm/slipway-0123456789/secrets/VLLM_API_KEY)"; export VLLM_API_KEY; fi
if [ -r /dev/shm/slipway-0123456789/secrets/DATABASE_URL ]; then DATABASE_URL="$(cat /dev/shm/slipway-0123456789/secrets/DATABASE_URL)"; export DATABASE_URL; fi
exec /slipway/.slipway/envs/gateway-0123456789ab/bin/litellm \
  --config /dev/shm/slipway-0123456789/generated/config.yaml \
  --host 127.0.0.1 \
  --port 4000
