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
exec vllm serve nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8 \
  --trust-remote-code \
  --max-model-len 262144 \
  --async-scheduling \
  --kv-cache-dtype fp8 \
  --enable-auto-tool-choice \
  --tool-call-parser qwen3_coder \
  --reasoning-parser nemotron_v3 \
  --gpu-memory-utilization 0.75 \
  --host 0.0.0.0 \
  --port 8000 \
  --served-model-name nemotron-3-nano-30b nemotron-nano vllm_agent nemotron-3-nano-30b:thinking nemotron-nano:thinking vllm_agent:thinking nemotron-3-nano-30b:tools nemotron-nano:tools vllm_agent:tools
