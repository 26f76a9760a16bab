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
exec vllm serve deepseek-ai/DeepSeek-V4-Flash-0731 \
  --trust-remote-code \
  --tensor-parallel-size 2 \
  --gpu-memory-utilization 0.90 \
  --kv-cache-dtype fp8 \
  --block-size 256 \
  --tokenizer-mode deepseek_v4 \
  --enable-auto-tool-choice \
  --tool-call-parser deepseek_v4 \
  --reasoning-parser deepseek_v4 \
  --host 0.0.0.0 \
  --port 8000 \
  --served-model-name deepseek-v4-flash deepseek-v4 vllm_agent deepseek-v4-flash:tools deepseek-v4:tools vllm_agent:tools deepseek-v4-flash:general deepseek-v4:general vllm_agent:general
