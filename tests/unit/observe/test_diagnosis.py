"""The likely cause of a failure, from lines that vLLM, LiteLLM, PostgreSQL and the hub really print."""

from __future__ import annotations

import pytest

from slipway.observe.diagnosis import likely_cause

MEMORY = "not enough memory: lower --max-model-len or GPU_MEMORY_UTILIZATION, or choose a smaller model"
GATED = "the model is gated: accept its licence on huggingface.co and put a token into secrets/HF_TOKEN"
HUB = "the model hub cannot be reached: check the network, HTTPS_PROXY and HF_ENDPOINT, or serve a local folder"
NO_MODEL = "there is no such model on the hub, or it is private: check the id, and secrets/HF_TOKEN"
PORT = "its port is taken: end the other process, or choose another port in vars.env"
FLAG = "vLLM does not know a flag or its value: correct `command:` in the model file"
BROKEN = "the wrong interpreter or a broken environment: delete the folder .slipway/envs and launch again"
PARSER = "vLLM does not know this parser: correct --tool-call-parser or --reasoning-parser"

LINES = [
    ("OSError: [Errno 98] Address already in use", PORT),
    ("ERROR: [Errno 98] error while attempting to bind on address ('127.0.0.1', 4000): address already in use", PORT),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", MEMORY),
    ("ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`", MEMORY),
    (
        "ValueError: Free memory on device cuda:0 (3.1/79.1 GiB) on startup is less than desired GPU memory utilization (0.9, 71.2 GiB).",
        MEMORY,
    ),
    (
        "ValueError: To serve at least one request with the models's max seq len (262144), 24 GiB KV cache is needed, which is larger than the available KV cache memory (8 GiB).",
        MEMORY,
    ),
    ("huggingface_hub.errors.GatedRepoError: 401 Client Error. Cannot access gated repo for url https://huggingface.co/x", GATED),
    ("requests.exceptions.HTTPError: 403 Client Error: Forbidden for url", GATED),
    ("OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.", HUB),
    (
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find the requested files in the disk cache and outgoing traffic has been disabled.",
        HUB,
    ),
    ("httpx.ConnectError: [Errno -3] Temporary failure in name resolution", HUB),
    ("OSError: a/b is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'", NO_MODEL),
    ("  Value error, Invalid repository ID or local directory specified: '/work/main/models/demo'.", NO_MODEL),
    ("vllm: error: unrecognized arguments: --kv-cache-dtpye fp8", FLAG),
    ("vllm serve: error: argument --kv-cache-dtype: invalid choice: 'fp7'", FLAG),
    ("KeyError: 'invalid tool call parser: hermse (chose from { hermes })'", PARSER),
    ("ModuleNotFoundError: No module named 'vllm'", BROKEN),
    ("ImportError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found", BROKEN),
    ("OSError: [Errno 28] No space left on device", "the disk is full"),
    ("RuntimeError: Found no NVIDIA driver on your system.", "the NVIDIA driver is missing or too old for this vLLM"),
    ('FATAL:  password authentication failed for user "slipway"', "the database's password is wrong: check DATABASE_URL"),
    ("INFO 11-20 19:47:08 [cpu_model_runner.py:68] Starting to load model a/b...", ""),
    ("", ""),
]


@pytest.mark.parametrize(("line", "cause"), LINES)
def test_a_line_has_its_likely_cause(line: str, cause: str) -> None:
    assert likely_cause(["INFO before", line, "INFO after"]) == cause


def test_the_most_telling_of_several_causes_is_named() -> None:
    assert likely_cause(["ModuleNotFoundError: No module named 'x'", "OSError: [Errno 98] Address already in use"]) == PORT


def test_no_lines_have_no_cause() -> None:
    assert likely_cause([]) == ""
