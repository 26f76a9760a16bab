#!/bin/sh
# Starts engine; rendered by Slipway. Secrets are read here, at start, from files: none is in this script or in an argv.
set -eu
# an earlier self that was killed may have left its workers, and the memory they hold
if [ -e /dev/shm/slipway-0123456789/engine.pid ]; then mv /dev/shm/slipway-0123456789/engine.pid /dev/shm/slipway-0123456789/engine.pid.old; fi
echo $$ > /dev/shm/slipway-0123456789/engine.pid
if [ -e /dev/shm/slipway-0123456789/engine.pid.old ]; then
  PYTHONPATH=/slipway /usr/bin/python3 -m slipway.launchers.leftovers /dev/shm/slipway-0123456789/engine.pid.old
fi
export PATH=/slipway/.slipway/envs/engine-cpu-0123456789ab/bin:"$PATH"
export NCCL_IB_DISABLE=1
export PYTHONPATH=/slipway/slipway/startup
export VLLM_NO_USAGE_STATS=1
export VLLM_RPC_BASE_PATH=/dev/shm/slipway-0123456789/engine
if [ -r /dev/shm/slipway-0123456789/secrets/HF_TOKEN ]; then HF_TOKEN="$(cat /dev/shm/slipway-0123456789/secrets/HF_TOKEN)"; export HF_TOKEN; fi
if [ -r /dev/shm/slipway-0123456789/secrets/VLLM_API_KEY ]; then VLLM_API_KEY="$(cat /dev/shm/slipway-0123456789/secrets/VLLM_API_KEY)"; export VLLM_API_KEY; fi
exec /slipway/.slipway/envs/engine-cpu-0123456789ab/bin/vllm serve /slipway/models/demo \
  --max-model-len 32768 \
  --kv-cache-memory-bytes 268435456 \
  --enforce-eager \
  --chat-template /slipway/models/demo/chat_template.jinja \
  --enable-auto-tool-choice \
  --tool-call-parser hermes \
  --exclude-tools-when-tool-choice-none \
  --reasoning-parser qwen3 \
  --gpu-memory-utilization 0.75 \
  --host 127.0.0.1 \
  --port 8000 \
  --served-model-name demo vllm_agent demo:instruct vllm_agent:instruct
