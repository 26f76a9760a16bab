"""Guesses why a part did not start, from the last lines of its log."""

from __future__ import annotations

import re
from collections.abc import Sequence

# (pattern, what it means and what to do), most telling first
_CAUSES = (
    (r"address already in use|Errno 98", "its port is taken: end the other process, or choose another port in vars.env"),
    (r"GatedRepoError|is a gated repo|gated model|401 Client Error|403 Client Error|awaiting a review",
     "the model is gated: accept its licence on huggingface.co and put a token into secrets/HF_TOKEN"),
    (r"LocalEntryNotFoundError|couldn't connect to|Cannot find the requested files|Failed to resolve|Name or service not known|"
     r"Temporary failure in name resolution|MaxRetryError|We have no connection|outgoing traffic has been disabled|"
     r"client has been closed",
     "the model hub cannot be reached: check the network, HTTPS_PROXY and HF_ENDPOINT, or serve a local folder"),
    (r"RepositoryNotFoundError|Repository Not Found|is not a local folder and is not a valid model identifier|"
     r"Invalid repository ID",
     "there is no such model on the hub, or it is private: check the id, and secrets/HF_TOKEN"),
    (r"out of memory|OutOfMemoryError|No available memory for the cache blocks|Cannot allocate memory|"
     r"is less than desired (GPU|CPU) memory|larger than the available KV cache|KV cache memory",
     "not enough memory: lower --max-model-len or GPU_MEMORY_UTILIZATION, or choose a smaller model"),
    (r"unrecognized arguments|invalid choice|expected one argument|error: argument", "vLLM does not know a flag or its value: "
     "correct `command:` in the model file"),
    (r"ModuleNotFoundError|ImportError|No module named|undefined symbol|GLIBC",
     "the wrong interpreter or a broken environment: delete the folder .slipway/envs and launch again"),
    (r"invalid tool call parser|invalid reasoning parser|KeyError: 'invalid .*parser", "vLLM does not know this parser: "
     "correct --tool-call-parser or --reasoning-parser"),
    (r"No space left on device", "the disk is full"),
    (r"CUDA driver version is insufficient|no NVIDIA driver|Found no NVIDIA driver|NVML",
     "the NVIDIA driver is missing or too old for this vLLM"),
    (r"password authentication failed", "the database's password is wrong: check DATABASE_URL"),
)  # fmt: skip


def likely_cause(lines: Sequence[str]) -> str:
    """One sentence, or empty text when nothing known is in the lines."""
    text = "\n".join(lines)
    return next((cause for pattern, cause in _CAUSES if re.search(pattern, text, re.IGNORECASE)), "")
