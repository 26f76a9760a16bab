"""Variants and hardware overrides: what they change in a command and an environment, and which of them is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.command import parse_command, parse_flags
from slipway.configuration import Configuration, Sources, choose_variant
from slipway.errors import ConfigError
from slipway.gpus import GIB, Gpu
from slipway.hardware import Hardware
from slipway.layers import Value, read_defaults
from slipway.overlay import Overlay, apply_to_command, apply_to_env
from slipway.recipe import parse_recipe
from tests.unit.building import configure

CPU = Hardware("cpu")
H100 = Hardware("cuda", 1, Gpu("NVIDIA H100 80GB HBM3", 80 * GIB, 9.0))
SMALL = Hardware("cuda", 1, Gpu("NVIDIA GeForce RTX 4090", 24 * GIB, 8.9))
SPARK = Hardware("cuda", 1, Gpu("NVIDIA GB10", 120 * GIB, 12.1))

MODEL = """\
requires: {gpus: 1, memory: 65GB}
command: |
  vllm serve a/b \\
    --max-model-len 4096 \\
    --enable-x
env: {A: "1", B: "1"}
hardware:
  blackwell:
    flags: --no-enable-x
  gb10:
    env: {B: "2"}
variants:
  fp8:
    model: a/b-FP8
    flags: --kv-cache-dtype fp8
    requires: {memory: 33GB, capability: 8.9}
    hardware:
      gb10:
        env: {C: "3"}
        remove: [A, --max-model-len]
  int4:
    model: a/b-INT4
    requires: {memory: 20GB}
"""


def configured(hardware: Hardware, *overrides: str) -> Configuration:
    return configure(MODEL, overrides=overrides, hardware=hardware)


def chosen(hardware: Hardware, *overrides: str) -> tuple[str, str, str, dict[str, object]]:
    """Variant, model, flags and environment."""
    recipe = configured(hardware, *overrides).recipe
    flags = " ".join(word for flag in recipe.command.flags for word in flag.tokens)
    return recipe.variant, recipe.command.model, flags, {name: value.raw for name, value in recipe.env.items()}


@pytest.mark.parametrize(
    ("flags", "remove", "expected"),
    [
        ("--a 2", (), "--a 2 --b --no-c -tp 1"),
        ("--no-b", (), "--a 1 --no-b --no-c -tp 1"),
        ("--c", (), "--a 1 --b --c -tp 1"),
        ("--tensor_parallel_size=4", (), "--a 1 --b --no-c --tensor_parallel_size=4"),
        ("--d 4 --a 2", (), "--a 2 --b --no-c -tp 1 --d 4"),
        ("--b.k 1", (), "--a 1 --b --no-c -tp 1 --b.k 1"),
        ("--a.k 1", ("--a",), "--b --no-c -tp 1 --a.k 1"),
        ("", ("--c", "--a"), "--b -tp 1"),
        ("--a 2", ("--a",), "--b --no-c -tp 1 --a 2"),
        ("", ("--unknown", "VARIABLE"), "--a 1 --b --no-c -tp 1"),
    ],
)
def test_a_flag_takes_the_place_of_the_same_flag_and_a_new_one_goes_to_the_end(flags: str, remove: tuple[str, ...], expected: str) -> None:
    command = parse_command("vllm serve a/b --a 1 --b --no-c -tp 1")
    changed = apply_to_command(command, Overlay("x", flags=parse_flags(flags), remove=dict.fromkeys(remove, 0)))
    assert (changed.model, " ".join(word for flag in changed.flags for word in flag.tokens)) == ("a/b", expected)


def test_a_key_is_set_in_the_json_value_that_is_there_and_a_whole_value_replaces_all_keys() -> None:
    def changed(command: str, flags: str) -> list[tuple[str, ...]]:
        overlay = Overlay("x", flags=parse_flags(flags))
        return [flag.tokens for flag in apply_to_command(parse_command(f"vllm serve a/b {command}"), overlay).flags]

    assert changed("""--a '{"k": 1}' --b""", "--a.l.m text --a.k 2") == [("--a", '{"k": 2, "l": {"m": "text"}}'), ("--b",)]
    assert changed("--a.k 1 --b --a.l 2", "--a '{}'") == [("--a", "{}"), ("--b",)]


def test_a_flag_remembers_those_whose_place_it_took() -> None:
    command = parse_command("vllm serve a/b \\\n --a 1")
    first = apply_to_command(command, Overlay("x", flags=parse_flags("--a 2", 5)))
    second = apply_to_command(first, Overlay("y", flags=parse_flags("--a 3", 7)))
    assert [(flag.line, flag.value) for flag in second.flags[0].replaced] == [(5, "2"), (2, "1")]


def test_variables_are_replaced_added_and_removed() -> None:
    overlay = Overlay("x", env={"A": Value("2"), "C": Value("3")}, remove={"B": 0, "--b": 0})
    assert apply_to_env({"A": Value("1"), "B": Value("1"), "D": Value("1")}, overlay) == {
        "A": Value("2", replaced=(Value("1"),)), "D": Value("1"), "C": Value("3"),
    }  # fmt: skip


def test_the_command_as_it_stands_is_taken_where_it_fits_and_where_nothing_is_known() -> None:
    base = ("base", "a/b", "--max-model-len 4096 --enable-x", {"A": "1", "B": "1"})
    assert chosen(H100) == base
    assert chosen(Hardware("cuda", 8)) == base


def test_the_first_variant_that_fits_is_taken_where_the_command_does_not() -> None:
    assert chosen(SMALL)[:2] == ("int4", "a/b-INT4")
    medium = Hardware("cuda", 1, Gpu("L40S", 44 * GIB, 8.9))
    assert chosen(medium) == ("fp8", "a/b-FP8", "--max-model-len 4096 --enable-x --kv-cache-dtype fp8", {"A": "1", "B": "1"})


def test_a_variant_that_the_hardware_cannot_compute_is_not_taken() -> None:
    older = Hardware("cuda", 1, Gpu("A40", 44 * GIB, 8.6))
    assert chosen(older)[0] == "int4"


def test_the_command_as_it_stands_is_taken_where_no_variant_fits() -> None:
    assert chosen(Hardware("cuda", 1, Gpu("T4", 15 * GIB, 7.5)))[0] == "base"
    assert chosen(CPU)[0] == "base"


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"base": 1.0, "fp8": 1.0}, "base"),
        ({"base": 0.5, "fp8": 1.0}, "fp8"),
        ({"base": 0.0, "fp8": 0.5, "int4": 1.0}, "int4"),
        ({"base": 0.5, "fp8": 0.5, "int4": None}, "base"),
        ({"base": 0.0, "fp8": None, "int4": None}, "fp8"),
        ({"base": None, "fp8": 1.0}, "base"),
        ({"base": 0.0, "fp8": 0.0, "int4": 0.0}, "base"),
    ],
)
def test_the_first_form_that_holds_its_whole_context_is_taken_and_else_the_first_that_may_fit(
    shares: dict[str, float | None], expected: str
) -> None:
    recipe, _ = parse_recipe("m", "models/m.yml", MODEL)
    assert recipe is not None
    judged = Sources(Path("models"), (read_defaults(),), (), lambda wish: H100, lambda sources, item: shares.get(item.recipe.variant, 0.0))
    assert choose_variant(judged, recipe) == expected


def test_variant_names_the_one_to_take() -> None:
    assert chosen(H100, "VARIANT=fp8")[0] == "fp8"
    assert chosen(SMALL, "VARIANT=base")[0] == "base"


def test_more_gpus_make_room_when_the_flags_use_them() -> None:
    four = Hardware("cuda", 4, SMALL.gpu)
    assert chosen(four)[0] == "int4"
    assert chosen(four, "--tensor-parallel-size=4")[0] == "base"
    assert configured(four, "-tp=4").gpus_used == 4


def test_hardware_overrides_go_from_the_widest_name_to_the_narrowest_and_from_the_file_to_the_variant() -> None:
    assert chosen(SPARK, "VARIANT=fp8") == ("fp8", "a/b-FP8", "--no-enable-x --kv-cache-dtype fp8", {"B": "2", "C": "3"})
    assert configured(SPARK, "VARIANT=fp8").recipe.adapted == ("fp8", "blackwell", "gb10", "gb10")
    assert chosen(SPARK)[2:] == ("--max-model-len 4096 --no-enable-x", {"A": "1", "B": "2"})


def test_the_gpu_setting_stands_for_the_machine() -> None:
    configuration = configure(MODEL, overrides=["GPU=gb10"], hardware=None)
    assert (configuration.recipe.variant, configuration.recipe.env["B"]) == ("base", Value("2", 11, replaced=(Value("1", 6),)))


def test_an_unknown_variant_is_refused_with_the_names_and_where_it_was_asked_for() -> None:
    with pytest.raises(ConfigError) as caught:
        configure(MODEL, vars_env="\nVARIANT=fp4\n")
    assert caught.value.message == "vars.env:2: VARIANT=fp4: models/m.yml has no such variant (variants: base, fp8, int4)"
    assert caught.value.exit_code == 2


def test_a_recipe_takes_every_form_once() -> None:
    recipe, _ = parse_recipe("m", "models/m.yml", MODEL)
    assert recipe is not None
    assert list(recipe.editions()) == [
        ("base", ()),
        ("base", ("blackwell",)),
        ("base", ("gb10",)),
        ("fp8", ()),
        ("fp8", ("blackwell",)),
        ("fp8", ("gb10",)),
        ("int4", ()),
        ("int4", ("blackwell",)),
        ("int4", ("gb10",)),
    ]
