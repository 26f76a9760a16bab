"""What became of vLLM's flags and variables that a later version no longer takes.

Which version dropped one follows from the schemas; this table says what to write instead. Sources: the deprecation
messages of vLLM 0.11.2 to 0.27.1 themselves, and the places where 0.32.0 has the option now.
"""

from __future__ import annotations

RENAMED_FLAGS = {
    "--cuda-graph-sizes": "now --cudagraph-capture-sizes",
    "--disable-frontend-multiprocessing": "remove it",
    "--disable-log-requests": "remove it: requests are logged only with --enable-log-requests",
    "--disable-mm-preprocessor-cache": "now --mm-processor-cache-gb 0",
    "--enable-bf16x3-router-gemm": "remove it",
    "--enable-multimodal-encoder-data-parallel": "now --mm-encoder-tp-mode data",
    "--enable-reasoning": "remove it: --reasoning-parser alone is enough",
    "--eplb-log-balancedness": "now --eplb-config.log_balancedness",
    "--eplb-step-interval": "now --eplb-config.step_interval",
    "--eplb-window-size": "now --eplb-config.window_size",
    "--guided-decoding-backend": "now --structured-outputs-config.backend",
    "--guided-decoding-disable-additional-properties": "now --structured-outputs-config.disable_additional_properties",
    "--guided-decoding-disable-any-whitespace": "now --structured-outputs-config.disable_any_whitespace",
    "--guided-decoding-disable-fallback": "remove it",
    "--lora-extra-vocab-size": "remove it",
    "--max-seq-len-to-capture": "now --max-cudagraph-capture-size",
    "--num-redundant-experts": "now --eplb-config.num_redundant_experts",
    "--num-speculative-tokens": "now --speculative-config.num_speculative_tokens",
    "--override-pooler-config": "now --pooler-config",
    "--rope-scaling": "now --hf-overrides",
    "--rope-theta": "now --hf-overrides",
    "--speculative-model": "now --speculative-config.model",
    "--swap-space": "remove it: nothing is swapped to the CPU any more",
    "--task": "now --runner, and --convert to adapt a model for pooling",
    "--use-v2-block-manager": "remove it",
}

RENAMED_VARIABLES = {
    "VLLM_ALL2ALL_BACKEND": "now the flag --all2all-backend",
    "VLLM_ATTENTION_BACKEND": "now the flag --attention-backend",
    "VLLM_FLASHINFER_DISABLE_Q_QUANTIZATION": "now the flag --attention-config.disable_flashinfer_q_quantization",
    "VLLM_FLASHINFER_MOE_BACKEND": "now the flag --moe-backend",
    "VLLM_FLASH_ATTN_MAX_NUM_SPLITS_FOR_CUDA_GRAPH": "now the flag --attention-config.flash_attn_max_num_splits_for_cuda_graph",
    "VLLM_FLASH_ATTN_VERSION": "now the flag --attention-config.flash_attn_version",
    "VLLM_MM_HASHER_ALGORITHM": "now the flag --mm-hasher-algorithm",
    "VLLM_MM_INPUT_CACHE_GIB": "now the flag --mm-processor-cache-gb",
    "VLLM_MXFP4_USE_MARLIN": "now the flag --moe-backend marlin",
    "VLLM_NVFP4_GEMM_BACKEND": "now the flag --linear-backend",
    "VLLM_PREFIX_CACHE_RETENTION_INTERVAL": "now the flag --prefix-cache-retention-interval",
    "VLLM_TORCH_PROFILER_DIR": "now the flag --profiler-config.torch_profiler_dir",
    "VLLM_USE_FLASHINFER_MOE_FP16": "now the flag --moe-backend",
    "VLLM_USE_FLASHINFER_MOE_FP4": "now the flag --moe-backend",
    "VLLM_USE_FLASHINFER_MOE_FP8": "now the flag --moe-backend",
    "VLLM_USE_FLASHINFER_MOE_MXFP4_BF16": "now the flag --moe-backend",
    "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8": "now the flag --moe-backend",
    "VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8_CUTLASS": "now the flag --moe-backend",
    "VLLM_USE_NVFP4_CT_EMULATIONS": "now the flag --linear-backend emulation",
    "VLLM_USE_TRTLLM_ATTENTION": "now the flag --attention-config.use_trtllm_attention",
    "VLLM_USE_V1": "remove it: there is no other engine any more",
}
