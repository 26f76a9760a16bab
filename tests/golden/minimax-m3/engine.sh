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
exec vllm serve MiniMaxAI/MiniMax-M3-MXFP8 \
  --block-size 128 \
  --attention_config.indexer_kv_dtype fp8 \
  --tensor-parallel-size 8 \
  --gpu-memory-utilization 0.90 \
  --max-model-len 262144 \
  --enable-auto-tool-choice \
  --tool-call-parser minimax_m3 \
  --reasoning-parser minimax_m3 \
  --host 0.0.0.0 \
  --port 8000 \
  --served-model-name minimax-m3 vllm_agent minimax-m3:thinking vllm_agent:thinking
