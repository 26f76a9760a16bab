"""`fit` as a person calls it, on GPUs that are named and so the same on every machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Say
from tests.unit.fit.building import PLAIN

EIGHT_BILLION = {
    **PLAIN, "num_hidden_layers": 32, "max_position_embeddings": 131072, "hidden_size": 4096, "head_dim": 128, "intermediate_size": 14336,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
}  # fmt: skip


@pytest.fixture(autouse=True)
def models(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with a variant, one of which nothing is known, and a hub that does not answer."""
    (checkout / "models/facts").mkdir()
    (checkout / "models/eight.yml").write_text("command: vllm serve org/eight -tp 1\nvariants:\n  awq:\n    model: org/eight-awq\n")
    (checkout / "models/unknown.yml").write_text("command: vllm serve org/unknown\n")
    awq = {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
    (checkout / "models/facts/org--eight.json").write_text(json.dumps({"id": "org/eight", "source": ["a card"], "config": EIGHT_BILLION}))
    (checkout / "models/facts/org--eight-awq.json").write_text(json.dumps({"base": "org/eight", "source": ["a card"], "config": awq}))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nothing answers there


FITS = """\
eight (org/eight) on 1 × H200 of 139.7 GiB
8.03 billion parameters; facts from models/facts/org--eight.json

memory               size  share
weights          15.0 GiB    11%
activations       1.8 GiB     1%  estimate
CUDA graphs     576.0 MiB     0%  estimate
runtime         400.0 MiB     0%  estimate
KV cache         87.1 GiB    62%
left to others   34.9 GiB    25%

[██████▓▓▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒···············]

KV cache in 16 bits: 128.0 KiB for each token
it holds 713,552 tokens: 5.4 requests of 131,072 at once
fits: 131,072 tokens of context; the longest is 131,072
flags: --gpu-memory-utilization=0.75

note: activations, CUDA graphs and runtime are estimates; vLLM measures them at start
"""


def test_a_model_that_fits(run: Callable[..., Say]) -> None:
    assert run("fit", "eight", "--gpu", "h200") == (0, FITS, "")


def test_a_model_that_does_not_fit_exits_with_3_and_says_what_would(run: Callable[..., Say]) -> None:
    status, out, _ = run("fit", "eight", "--gpu", "rtx 4090")
    assert status == 3
    table = out[out.index("does not fit") : out.index("\n\nnote")].splitlines()
    assert table[0].startswith("does not fit: 131,072 tokens of context do not fit into a KV cache of ")
    assert [line.split("  ")[0] for line in table[2:]] == [
        "what would fit", "a shorter context", "an fp8 KV cache, and a shorter context", "a share of 92%, and a shorter context", "the variant awq, and a shorter context",
        "2 GPUs",
    ]  # fmt: skip


def test_options_say_what_else_is_asked_for(run: Callable[..., Say]) -> None:
    status, out, _ = run("fit", "eight", "--gpu", "24GiB", "--gpus", "2", "--context", "64K", "--kv", "fp8", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["device"] == {"name": "24GiB", "memory": 24 << 30, "count": 2}
    assert found["context"] == {"asked": 65536, "longest": 131072, "model": 131072}
    assert found["cache"] | {"tokens": 0, "full_requests": 0} == {
        "dtype": "fp8", "bytes_per_token": 32768, "window_bytes_per_request": 0, "state_bytes_per_request": 0, "tokens": 0, "full_requests": 0,
    }  # fmt: skip
    assert found["flags"] == ["--tensor-parallel-size=2", "--gpu-memory-utilization=0.75", "--max-model-len=65536", "--kv-cache-dtype=fp8"]
    assert found["facts"] == {"from": "models/facts/org--eight.json", "sources": ["a card"], "notes": []}


def test_overrides_count_as_in_a_launch(run: Callable[..., Say]) -> None:
    _, out, _ = run(
        "fit", "eight", "--gpu", "h200", "--json", "-o", "GPU_MEMORY_UTILIZATION=0.5", "-o", "--max-model-len=4096", "-o", "VARIANT=awq"
    )
    found = json.loads(out)
    assert (found["utilization"], found["context"]["asked"], found["model"]) == (0.5, 4096, "org/eight-awq")


def test_a_hub_id_and_a_folder_need_no_model_file(run: Callable[..., Say], tmp_path: Path) -> None:
    assert run("fit", "org/eight", "--gpu", "h200")[0] == 0
    (tmp_path / "config.json").write_text(json.dumps(EIGHT_BILLION))
    assert run("fit", str(tmp_path), "--gpu", "h200")[0] == 0


def test_without_a_gpu_the_cpu_is_asked_and_others_are_listed(run: Callable[..., Say]) -> None:
    out = run("fit", "eight", "-o", "ENGINE_DEVICE=cpu")[1]
    assert " on the CPU of " in out
    assert "on GPUs          memory  smallest number" in out


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("eight", "--gpu", "voodoo"), 2, "--gpu must be a GPU such as h200 or 'rtx 4090', or a size such as 80GiB, not 'voodoo'\n"),
        (("eight", "--gpu", "rtx 4900"), 2, "not 'rtx 4900' (did you mean rtx 4090?)"),
        (("eight", "--gpu", "141"), 2, "not '141' (did you mean 141GiB?)"),
        (("eight", "--gpu", "h200", "--context", "long"), 2, "--context must be a size such as 4096, 128K or 1M, not 'long'"),
        (
            ("eight", "--gpu", "h200", "--gpus", "3"),
            2,
            "vLLM would not start: 3 tensor parallel ranks do not divide its 32 attention heads",
        ),
        (("eight", "--gpu", "h200", "--kv", "odd"), 2, "command line: --kv-cache-dtype must be one of auto, bfloat16"),
        (("eight", "--gpu", "h200", "--kv", "fp9"), 2, "cannot be 'fp9' (did you mean fp8?)"),
        (("./nowhere", "--gpu", "h200"), 2, "'./nowhere' is neither a folder with a config.json nor an id on the hub"),
        (("eight", "--gpu", "h200", "-o", "--seed=x"), 2, "-o: --seed must be a whole number, not 'x'"),
        (("missing",), 2, "there is no model 'missing': models/missing.yml does not exist"),
        (("unknown", "--gpu", "h200"), 1, "nothing is known of org/unknown on this machine, and http://127.0.0.1:9 cannot be reached"),
    ],
)
def test_what_cannot_be_predicted_is_said(run: Callable[..., Say], words: tuple[str, ...], status: int, error: str) -> None:
    code, out, err = run("fit", *words)
    assert (code, out) == (status, "")
    assert error in err


def test_facts_that_lack_a_number_are_named(run: Callable[..., Say], checkout: Path) -> None:
    config = {key: value for key, value in EIGHT_BILLION.items() if key != "hidden_size"}
    (checkout / "models/facts/org--unknown.json").write_text(json.dumps({"source": ["a card"], "config": config}))
    message = "error: the memory of org/unknown cannot be predicted: models/facts/org--unknown.json does not say hidden_size\n"
    assert run("fit", "unknown", "--gpu", "h200") == (1, "", message)


def test_up_refuses_what_cannot_fit_before_anything_starts(run: Callable[..., Say], checkout: Path) -> None:
    status, out, err = run("up", "eight", "-o", "GPU=12GiB", "-o", "VARIANT=base")
    assert (status, out) == (2, "")
    assert err.startswith("error: models/eight.yml:1: eight cannot fit on 1 x 12GiB: weights of 15.0 GiB are more than the 9.0 GiB that")
    assert not (checkout / ".slipway").exists()
