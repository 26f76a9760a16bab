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
exec vllm serve Qwen/Qwen3.6-35B-A3B-FP8 \
  --enable-auto-tool-choice \
  --tool-call-parser qwen3_coder \
  --reasoning-parser qwen3 \
  --gpu-memory-utilization 0.75 \
  --host 0.0.0.0 \
  --port 8000 \
  --served-model-name qwen3.6-35b-a3b qwen36-35b vllm_agent qwen3.6-35b-a3b:thinking qwen36-35b:thinking vllm_agent:thinking qwen3.6-35b-a3b:coding qwen36-35b:coding vllm_agent:coding qwen3.6-35b-a3b:instruct qwen36-35b:instruct vllm_agent:instruct qwen3.6-35b-a3b:instruct-reasoning qwen36-35b:instruct-reasoning vllm_agent:instruct-reasoning
