"""What a model file requires and the machine or the engine does not have is refused, with a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.admission import check_requirements
from slipway.configuration import Sources
from slipway.errors import ConfigError
from slipway.gpus import GIB, Gpu
from slipway.hardware import Hardware
from slipway.layers import read_defaults
from tests.unit.building import configure

MODEL = 'requires:\n  vllm: ">=0.24"\n  memory: 300GB\ncommand: vllm serve a/b\nvariants:\n  fp8: {requires: {memory: 150GB}}\n'
H100 = Hardware("cuda", 1, Gpu("NVIDIA H100", 79 * GIB, 9.0))


def machine(hardware: Hardware) -> Sources:
    return Sources(Path("models"), (read_defaults(),), (), lambda wish: hardware)


def refusal(hardware: Hardware, version: str, *overrides: str) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        check_requirements(machine(hardware), configure(MODEL, overrides=overrides, hardware=hardware), version)
    return caught.value.message, caught.value.hint


def test_everything_that_is_not_met_is_named_at_once_with_the_other_variants() -> None:
    assert refusal(H100, "0.23.0") == (
        "models/m.yml:2: m cannot run here: it needs vLLM >=0.24, and 0.23.0 would run\n"
        "models/m.yml:3: m cannot run here: it needs 279 GiB of GPU memory, and 1 x NVIDIA H100 has 79 GiB",
        "its other variants, for VARIANT=, are fp8; --force launches it all the same",
    )


def test_a_variant_is_refused_by_its_own_requirements() -> None:
    message, hint = refusal(H100, "", "VARIANT=fp8")
    assert message == "models/m.yml:6: m (fp8) cannot run here: it needs 140 GiB of GPU memory, and 1 x NVIDIA H100 has 79 GiB"
    assert hint == "its other variants, for VARIANT=, are base; --force launches it all the same"


def test_a_machine_without_a_gpu_is_shown_the_model_that_needs_none() -> None:
    message, hint = refusal(Hardware("cpu"), "0.32.0")
    assert message == "models/m.yml:3: m cannot run here: it needs a GPU, and none is here"
    assert hint == "MODEL=demo runs without one; --force launches it all the same"


def test_what_is_met_or_not_known_passes() -> None:
    large = Hardware("cuda", 1, Gpu("b300", 300 * GIB, 10.3))
    for hardware, version in ((large, "0.32.0"), (Hardware("cuda", 1), ""), (Hardware("cuda"), "nightly")):
        check_requirements(machine(hardware), configure(MODEL, hardware=hardware), version)
