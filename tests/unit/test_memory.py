"""A launch is held against the machine: what cannot fit is refused, what only has too long a context is adapted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slipway.configuration import Sources, read_configuration, read_sources
from slipway.errors import ConfigError
from slipway.gpus import Gpu, parse_gpu
from slipway.hardware import Hardware
from slipway.memory import fit_launch, planned_subject, propose_context, share_of_context
from tests.unit.fit.building import PLAIN

EIGHT_BILLION = {
    **PLAIN, "num_hidden_layers": 32, "max_position_embeddings": 131072, "hidden_size": 4096, "head_dim": 128, "intermediate_size": 14336,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
}  # fmt: skip


def sources(
    root: Path, gpu: Gpu | None, command: str = "vllm serve org/eight", config: dict[str, Any] | None = None, *pairs: str
) -> Sources:
    """A checkout with one model, on a machine with one such GPU."""
    (root / "models/facts").mkdir(parents=True)
    (root / "models/eight.yml").write_text(f"# a toy\ncommand: {command}\n")
    facts = {"source": ["a card"], "config": EIGHT_BILLION if config is None else config}
    (root / "models/facts/org--eight.json").write_text(json.dumps(facts))
    return read_sources(root, {}, pairs, detect=lambda wish: Hardware("cuda", 1, gpu))


def launch(found: Sources, home: Path) -> tuple[int | str, str]:
    """The context that the engine would be told, and what is said about it."""
    fitted, note = fit_launch(found, read_configuration(found, "eight"), {"HF_HOME": str(home)})
    return fitted.settings.text("--max-model-len") or planned_subject(found, fitted).options.max_model_len, note


def test_a_model_whose_full_context_fits_is_left_as_it_is(tmp_path: Path) -> None:
    assert launch(sources(tmp_path, parse_gpu("h200")), tmp_path) == (0, "")


def test_a_context_that_will_not_fit_is_left_to_vllm(tmp_path: Path) -> None:
    found = sources(tmp_path, parse_gpu("rtx 4090"), "vllm serve org/eight", None, "GPU_MEMORY_UTILIZATION=0.92")
    assert launch(found, tmp_path) == (
        "auto",
        "eight: the full context of 131,072 tokens will not fit on 1 x RTX 4090; vLLM will take the longest that does, about 43,008"
        " (--max-model-len=auto; -o --max-model-len=N chooses)",
    )


def test_a_context_that_is_chosen_stays(tmp_path: Path) -> None:
    found = sources(tmp_path, parse_gpu("rtx 4090"), "vllm serve org/eight --max-model-len 8192", None)
    assert launch(found, tmp_path) == (8192, "")


def test_weights_that_cannot_fit_are_refused_with_what_would_help(tmp_path: Path) -> None:
    found = sources(tmp_path, parse_gpu("12GiB"))
    with pytest.raises(ConfigError) as caught:
        launch(found, tmp_path)
    message = "eight cannot fit on 1 x 12GiB: weights of 15.0 GiB are more than the 9.0 GiB that vLLM may take of each GPU"
    assert caught.value.message == f"models/eight.yml:2: {message}"
    assert caught.value.hint.startswith("what would: 8 GPUs (--tensor-parallel-size=8)")
    assert caught.value.hint.endswith("; ./runMe.sh fit eight shows the whole sum; --force launches it all the same")


def test_a_chosen_context_that_cannot_fit_is_refused(tmp_path: Path) -> None:
    found = sources(tmp_path, parse_gpu("rtx 4090"), "vllm serve org/eight --max-model-len 131072")
    with pytest.raises(ConfigError, match=r"131,072 tokens of context do not fit into a KV cache of 2\.7 GiB; 21,\d\d\d do"):
        launch(found, tmp_path)


@pytest.mark.parametrize(
    ("gpu", "command", "config"),
    [
        (None, "vllm serve org/eight", None),
        (Gpu("brand new"), "vllm serve org/eight", None),
        (parse_gpu("12GiB"), "vllm serve org/unknown", None),
        (parse_gpu("12GiB"), "vllm serve org/eight", {**EIGHT_BILLION, "model_type": "brand_new"}),
        (parse_gpu("12GiB"), "vllm serve org/eight", {"model_type": "llama"}),
        (parse_gpu("12GiB"), "vllm serve org/eight", {**EIGHT_BILLION, "quantization_config": {"quant_method": "brand_new"}}),
        (parse_gpu("12GiB"), "vllm serve org/eight --kv-cache-dtype turboquant_k8v4", None),
    ],
)
def test_what_is_not_known_never_stops_a_launch(tmp_path: Path, gpu: Gpu | None, command: str, config: dict[str, Any] | None) -> None:
    assert launch(sources(tmp_path, gpu, command, config), tmp_path) == (0, "")


def test_whoever_starts_nothing_is_refused_nothing(tmp_path: Path) -> None:
    found = sources(tmp_path, parse_gpu("12GiB"))
    configuration = read_configuration(found, "eight")
    assert propose_context(found, configuration, {"HF_HOME": str(tmp_path)}) == (configuration, "")


def test_whoever_starts_nothing_sees_the_same_context(tmp_path: Path) -> None:
    found = sources(tmp_path, parse_gpu("rtx 4090"))
    fitted, note = propose_context(found, read_configuration(found, "eight"), {"HF_HOME": str(tmp_path)})
    source = fitted.settings.source("--max-model-len")
    assert (fitted.settings.text("--max-model-len"), source.label, bool(note)) == ("auto", "Slipway", True)


def test_the_share_of_the_context_that_fits_is_known_where_model_and_machine_are(tmp_path: Path) -> None:
    def share(name: str, gpu: Gpu | None, *pairs: str) -> float | None:
        found = sources(tmp_path / name, gpu, "vllm serve org/eight", None, "GPU_MEMORY_UTILIZATION=0.92", *pairs)
        value = share_of_context(found, read_configuration(found, "eight"), {"HF_HOME": str(tmp_path)})
        return None if value is None else round(value, 1)

    assert share("large", parse_gpu("h200")) == 1.0
    assert share("small", parse_gpu("rtx 4090")) == 0.3
    assert share("smaller", parse_gpu("12GiB")) == 0.0
    assert share("short", parse_gpu("rtx 4090"), "--max-model-len=8192") == 1.0
    assert share("unknown", None) is None
    assert share("wrong", parse_gpu("h200"), "--headless=") is None
