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
exec vllm serve Qwen/Qwen3.5-122B-A10B-GPTQ-Int4 \
  --tensor-parallel-size 1 \
  --gpu-memory-utilization 0.90 \
  --enable-auto-tool-choice \
  --tool-call-parser qwen3_coder \
  --reasoning-parser qwen3 \
  --host 0.0.0.0 \
  --port 8000 \
  --served-model-name qwen3.5-122b-a10b qwen35-122b vllm_agent qwen3.5-122b-a10b:thinking qwen35-122b:thinking vllm_agent:thinking qwen3.5-122b-a10b:coding qwen35-122b:coding vllm_agent:coding qwen3.5-122b-a10b:instruct qwen35-122b:instruct vllm_agent:instruct qwen3.5-122b-a10b:instruct-reasoning qwen35-122b:instruct-reasoning vllm_agent:instruct-reasoning
