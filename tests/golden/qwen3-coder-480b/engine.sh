#!/bin/sh
# Starts engine; rendered by Slipway. Secrets are read here, at start, from files: none is in this script or in an argv.
set -eu
export HF_HOME=/root/.cache/huggingface
export HF_HUB_CACHE=/root/.cache/huggingface/hub
export NCCL_IB_DISABLE=1
export PYTHONPATH=/slipway/slipway/startup
export VLLM_NO_USAGE_STATS=1
export VLLM_USE_DEEP_GEMM=1
if [ -r /generated/secrets/HF_TOKEN ]; then HF_TOKEN="$(cat /generated/secrets/HF_TOKEN)"; export HF_TOKEN; fi
if [ -r /generated/secrets/VLLM_API_KEY ]; then VLLM_API_KEY="$(cat /generated/secrets/VLLM_API_KEY)"; export VLLM_API_KEY; fi
exec vllm serve Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8 \
  --data-parallel-size 8 \
  --enable-expert-parallel \
  --gpu-memory-utilization 0.90 \
  --max-model-len 131072 \
  --enable-auto-tool-choice \
  --tool-call-parser qwen3_coder \
  --host 0.0.0.0 \
  --port 8000 \
  --served-model-name qwen3-coder-480b qwen-coder-480b vllm_agent
