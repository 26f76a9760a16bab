#!/bin/sh
# Starts engine; rendered by Slipway. Secrets are read here, at start, from files: none is in this script or in an argv.
set -eu
export HF_HOME=/root/.cache/huggingface
export HF_HUB_CACHE=/root/.cache/huggingface/hub
export NCCL_IB_DISABLE=1
export PYTHONPATH=/slipway/slipway/startup
export VLLM_NO_USAGE_STATS=1
if [ -r /generated/secrets/HF_TOKEN ]; then HF_TOKEN="$(cat /generated/secrets/HF_TOKEN)"; export HF_TOKEN; fi
if [ -r /generated/secrets/VLLM_API_KEY ]; then VLLM_API_KEY="$(cat /generated/secrets/VLLM_API_KEY)"; export VLLM_API_KEY; fi
exec vllm serve /slipway/models/demo \
  --max-model-len 32768 \
  --kv-cache-memory-bytes 268435456 \
  --enforce-eager \
  --chat-template /slipway/models/demo/chat_template.jinja \
  --enable-auto-tool-choice \
  --tool-call-parser hermes \
  --exclude-tools-when-tool-choice-none \
  --reasoning-parser qwen3 \
  --gpu-memory-utilization 0.75 \
  --host 0.0.0.0 \
  --port 8000 \
  --served-model-name demo vllm_agent demo:instruct vllm_agent:instruct
