"""The spellings of one flag."""

from __future__ import annotations

import pytest

from slipway.flags import base_name, canonical_name


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("--max-model-len", "--max-model-len"),
        ("--max_model_len=8", "--max-model-len"),
        ("-tp", "--tensor-parallel-size"),
        ("-tp=2", "--tensor-parallel-size"),
        ("-q", "--quantization"),
        ("-x", "-x"),
        ("--compilation_config.use_inductor=1", "--compilation-config.use_inductor"),
    ],
)
def test_a_flag_has_one_name_however_it_is_written(token: str, name: str) -> None:
    assert canonical_name(token) == name


def test_a_negated_flag_is_the_other_side_of_the_same_one() -> None:
    assert [base_name("--no-enable-x"), base_name("--enable-x"), base_name("--normal")] == ["--enable-x", "--enable-x", "--normal"]
