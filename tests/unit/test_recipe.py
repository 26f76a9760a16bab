"""Model files: what they say, and every mistake a person can make in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.command import Flag, parse_command
from slipway.errors import UsageError
from slipway.layers import Layer, Value
from slipway.overlay import Overlay
from slipway.recipe import Profile, Recipe, check_name, model_names, parse_recipe, read_recipe
from slipway.requirements import Requirements

GOOD = """\
description: A model
source:
  - https://example.org
aliases: [small]
command: |
  vllm serve a/b \\
    --gpu-memory-utilization 0.9 \\
    --max-model-len 4096
env:
  VLLM_X: "1"
litellm:
  temperature: 0.2
  max_tokens: 128K
  min_p:
"""
COMMAND = "command: vllm serve a/b\n"


def problems(text: str) -> list[str]:
    recipe, found = parse_recipe("m", "models/m.yml", text)
    assert recipe is None
    return [str(problem) for problem in found]


def test_a_model_file_becomes_a_recipe() -> None:
    assert parse_recipe("m", "models/m.yml", GOOD) == (
        Recipe(
            name="m",
            path="models/m.yml",
            command=parse_command("vllm serve a/b \\\n --gpu-memory-utilization 0.9 \\\n --max-model-len 4096", 6),
            env={"VLLM_X": Value("1", 10)},
            sampling={"temperature": Value(0.2, 12), "max_tokens": Value("128K", 13)},
            description="A model",
            source=("https://example.org",),
            aliases=("small",),
            alias_lines=(4,),
        ),
        [],
    )


FULL = (
    COMMAND
    + """\
files: [m/t.jinja]
requires: {vllm: ">=0.24", gpus: 2, memory: 80GB, capability: 9}
profiles:
  coding:
    temperature: 0.6
    chat_template_kwargs: {enable_thinking: false}
variants:
  fp8:
    description: Half the memory
    model: a/b-FP8
    flags: |
      --kv-cache-dtype fp8
    env: {A: "1"}
    remove: [--x, B]
    requires: {memory: 40GiB}
    hardware:
      gb10: {flags: --y 2}
hardware:
  blackwell:
    env: {C: "2"}
"""
)


def test_profiles_variants_requirements_files_and_hardware_become_values() -> None:
    recipe, found = parse_recipe("m", "models/m.yml", FULL)
    assert found == []
    assert recipe == Recipe(
        "m",
        "models/m.yml",
        parse_command("vllm serve a/b"),
        {},
        {},
        files=("m/t.jinja",),
        requires=Requirements(">=0.24", 2, 80 * 10**9, 9.0, {"vllm": 3, "gpus": 3, "memory": 3, "capability": 3}),
        profiles=(Profile("coding", 5, {"temperature": Value(0.6, 6), "chat_template_kwargs": Value({"enable_thinking": False}, 7)}),),
        variants=(
            Overlay(
                "fp8",
                9,
                "Half the memory",
                "a/b-FP8",
                11,
                (Flag("--kv-cache-dtype", ("--kv-cache-dtype", "fp8"), 13),),
                {"A": Value("1", 14)},
                {"--x": 15, "B": 15},
                Requirements(memory=40 << 30, lines={"memory": 16}),
                (Overlay("gb10", 18, flags=(Flag("--y", ("--y", "2"), 18),)),),
            ),
        ),
        hardware=(Overlay("blackwell", 20, env={"C": Value("2", 21)}),),
    )


def test_each_profile_is_a_name_behind_every_name_of_the_model() -> None:
    recipe, _ = parse_recipe("m", "models/m.yml", COMMAND + "aliases: [s]\nprofiles: {a: {top_k: 1}, b: {top_k: 2}}\n")
    assert recipe is not None
    assert recipe.route_names == ("m", "s", "vllm_agent", "m:a", "s:a", "vllm_agent:a", "m:b", "s:b", "vllm_agent:b")


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "m").mkdir(parents=True)
    (folder / "m/t.jinja").touch()
    text = "files:\n- m/t.jinja\n- m/u.jinja\n- m\n" + COMMAND
    assert [str(problem) for problem in parse_recipe("m", "models/m.yml", text, folder)[1]] == [
        "models/m.yml:3: there is no file models/m/u.jinja",
        "models/m.yml:4: there is no file models/m",
    ]


def test_a_recipe_is_a_layer_of_settings_variables_and_flags_that_are_settings() -> None:
    recipe, _ = parse_recipe("m", "models/m.yml", GOOD)
    assert recipe is not None
    assert recipe.layer() == Layer(
        "models/m.yml",
        {
            "LITELLM_TEMPERATURE": Value(0.2, 12),
            "LITELLM_MAX_TOKENS": Value("128K", 13),
            "env.VLLM_X": Value("1", 10),
            "GPU_MEMORY_UTILIZATION": Value("0.9", 7, "--gpu-memory-utilization"),
        },
    )


def test_clients_may_use_the_name_the_aliases_and_vllm_agent() -> None:
    recipe, _ = parse_recipe("m", "models/m.yml", GOOD)
    assert recipe is not None
    assert recipe.route_names == ("m", "small", "vllm_agent")


def test_a_command_alone_is_a_model_file_and_empty_sections_are_none() -> None:
    expected = parse_recipe("m", "models/m.yml", COMMAND)
    assert parse_recipe("m", "models/m.yml", COMMAND + "env:\nlitellm:\naliases:\nsource:\ndescription:\n") == expected
    assert expected == (Recipe("m", "models/m.yml", parse_command("vllm serve a/b"), {}, {}), [])


def test_one_source_may_stand_without_a_list() -> None:
    recipe, _ = parse_recipe("m", "models/m.yml", COMMAND + "source: a page\n")
    assert recipe is not None
    assert recipe.source == ("a page",)


OVERLAY = "known: description, flags, env, remove"
KNOWN_KEYS = (
    "known: temperature, top_p, top_k, min_p, repetition_penalty, presence_penalty, frequency_penalty, max_tokens, chat_template_kwargs"
    ", and parameters of LiteLLM and vLLM"
)
SECTIONS = "description, source, aliases, requires, command, files, env, litellm, profiles, variants, hardware, image, extra_packages"
PLAIN = "letters, digits, '.', '_' and '-'"
WRONG = {
    "no command": ("env: {}\n", "models/m.yml:1: the section `command:` is missing (it holds the vllm serve command)"),
    "a typo in a section": (COMMAND + "comand: x\n", "models/m.yml:2: unknown section `comand:` (did you mean command?)"),
    "an unknown section": (
        COMMAND + "zzz: 1\n",
        f"models/m.yml:2: unknown section `zzz:` (known: {SECTIONS})",
    ),
    "command as a list": ("command: [vllm, serve]\n", "models/m.yml:1: command must be text, not a list"),
    "command empty": ("\ncommand:\n", "models/m.yml:2: command must be text, not empty"),
    "command a number": ("command: 5\n", "models/m.yml:1: command must be text, not 5 (put it in quotes)"),
    "another program": (
        "command: |\n  echo hi\n",
        "models/m.yml:2: the command is not one `vllm serve MODEL` (it must start with `vllm serve`)",
    ),
    "an unbalanced quote": ("command: |\n  vllm serve a/b \\\n    --x 'y\n", "models/m.yml:3: an unbalanced quote in the command"),
    "a flag twice": (
        "command: |\n  vllm serve a/b \\\n    -tp 1 \\\n    --tensor_parallel_size=2\n",
        "models/m.yml:4: --tensor_parallel_size=2 is given twice: line 3 has -tp already",
    ),
    "a setting's flag without a value": (
        "command: vllm serve a/b --gpu-memory-utilization\n",
        "models/m.yml:1: --gpu-memory-utilization needs a value",
    ),
    "env as a list": (COMMAND + "env: [A=1]\n", "models/m.yml:2: env must be a mapping of names to values, not a list"),
    "env as text": (COMMAND + "env: A=1\n", "models/m.yml:2: env must be a mapping of names to values, not 'A=1'"),
    "env a number": (COMMAND + "env:\n  A: 1\n", "models/m.yml:3: env.A must be text, not 1 (put it in quotes)"),
    "env a truth value": (COMMAND + "env:\n  A: yes\n", "models/m.yml:3: env.A must be text, not true (put it in quotes)"),
    "env a date": (COMMAND + "env:\n  A: 2026-01-31\n", "models/m.yml:3: env.A must be text, not 2026-01-31 (put it in quotes)"),
    "env empty": (COMMAND + "env:\n  A:\n", "models/m.yml:3: env.A must be text, not empty"),
    "env a list inside": (COMMAND + "env:\n  A: [x]\n", "models/m.yml:3: env.A must be text, not a list"),
    "env a bad name": (COMMAND + "env:\n  A B: x\n", "models/m.yml:3: 'A B' cannot be the name of an environment variable"),
    "env a secret": (
        COMMAND + "env:\n  HF_TOKEN: hf_x\n",
        "models/m.yml:3: HF_TOKEN is a secret and does not belong here (put it into secrets/HF_TOKEN)",
    ),
    "litellm as a list": (COMMAND + "litellm: [a]\n", "models/m.yml:2: litellm must be a mapping of names to values, not a list"),
    "a typo in a key": (
        COMMAND + "litellm:\n  temprature: 1\n",
        "models/m.yml:3: unknown key litellm.temprature (did you mean temperature?)",
    ),
    "a parameter of the wrong type": (COMMAND + "litellm:\n  seed: x\n", "models/m.yml:3: litellm.seed must be a whole number, not 'x'"),
    "a parameter that is Slipway's": (
        COMMAND + "litellm:\n  api_base: x\n",
        "models/m.yml:3: litellm.api_base cannot be set here: Slipway sets it itself",
    ),
    "a parameter with a typo": (
        COMMAND + "litellm:\n  min_tokns: 1\n",
        "models/m.yml:3: unknown key litellm.min_tokns (did you mean min_tokens?)",
    ),
    "an unknown key": (COMMAND + "litellm:\n  zzz: 1\n", f"models/m.yml:3: unknown key litellm.zzz ({KNOWN_KEYS})"),
    "a size like 12Q": (
        COMMAND + "litellm:\n  max_tokens: 12Q\n",
        "models/m.yml:3: litellm.max_tokens must be a size such as 4096, 128K or 1M, not '12Q'",
    ),
    "a size of nothing": (COMMAND + "litellm:\n  max_tokens: 0\n", "models/m.yml:3: litellm.max_tokens must be at least 1, not 0"),
    "a word for a number": (COMMAND + "litellm:\n  temperature: hot\n", "models/m.yml:3: litellm.temperature must be a number, not 'hot'"),
    "a truth value": (COMMAND + "litellm:\n  top_k: true\n", "models/m.yml:3: litellm.top_k must be a whole number, not true"),
    "a list for a number": (
        COMMAND + "litellm:\n  top_p: [1]\n",
        "models/m.yml:3: litellm.top_p must be a number between 0 and 1, not a list",
    ),
    "a mapping for a number": (
        COMMAND + "litellm:\n  top_p: {a: 1}\n",
        "models/m.yml:3: litellm.top_p must be a number between 0 and 1, not a mapping",
    ),
    "out of range": (COMMAND + "litellm:\n  top_p: 1.5\n", "models/m.yml:3: litellm.top_p must be between 0.001 and 1, not 1.5"),
    "infinity": (COMMAND + "litellm:\n  temperature: .inf\n", "models/m.yml:3: litellm.temperature must be a number, not 'inf'"),
    "description a number": (COMMAND + "description: 5\n", "models/m.yml:2: description must be text, not 5 (put it in quotes)"),
    "source a number": (COMMAND + "source: 7\n", "models/m.yml:2: source must be a list, not 7"),
    "source a number inside": (COMMAND + "source:\n- a\n- 7\n", "models/m.yml:4: source[1] must be text, not 7 (put it in quotes)"),
    "aliases as text": (COMMAND + "aliases: small\n", "models/m.yml:2: aliases must be a list, not 'small'"),
    "an alias that is a number": (COMMAND + "aliases: [1]\n", "models/m.yml:2: aliases[0] must be text, not 1 (put it in quotes)"),
    "an alias with a slash": (COMMAND + "aliases:\n- ok\n- a/b\n", f"models/m.yml:4: the alias 'a/b' is no plain name ({PLAIN})"),
    "an alias with dots": (COMMAND + "aliases: [a..b]\n", f"models/m.yml:2: the alias 'a..b' is no plain name ({PLAIN})"),
    "an alias twice": (COMMAND + "aliases: [a, a]\n", "models/m.yml:2: the alias a is given twice"),
    "an alias that is the name": (COMMAND + "aliases: [m]\n", "models/m.yml:2: m is a name of this model already (remove the alias)"),
    "an alias for everything": (
        COMMAND + "aliases: [vllm_agent]\n",
        "models/m.yml:2: vllm_agent is a name of this model already (remove the alias)",
    ),
    "a profile with a typo": (
        COMMAND + "profiles:\n  coding:\n    topk: 1\n",
        "models/m.yml:4: unknown key profiles.coding.topk (did you mean top_k?)",
    ),
    "a profile out of range": (
        COMMAND + "profiles: {coding: {top_p: 2}}\n",
        "models/m.yml:2: profiles.coding.top_p must be between 0.001 and 1, not 2",
    ),
    "a profile that is empty": (
        COMMAND + "profiles:\n  coding:\n",
        "models/m.yml:3: profiles.coding must be a mapping of names to values, not empty",
    ),
    "a profile with a colon": (
        COMMAND + "profiles: {'a:b': {top_k: 1}}\n",
        "models/m.yml:2: 'a:b' cannot be a name in `profiles:` (letters, digits, '_' and '-')",
    ),
    "template arguments as a list": (
        COMMAND + "litellm:\n  chat_template_kwargs: [thinking]\n",
        "models/m.yml:3: litellm.chat_template_kwargs must be a mapping of names to plain values, or the same as JSON, not ['thinking']",
    ),
    "template arguments with a date": (
        COMMAND + "litellm:\n  chat_template_kwargs: {a: 2026-01-31}\n",
        "models/m.yml:3: litellm.chat_template_kwargs must be a mapping of names to plain values, or the same as JSON, "
        "not {'a': datetime.date(2026, 1, 31)}",
    ),
    "requires with a typo": (COMMAND + "requires: {gpu: 1}\n", "models/m.yml:2: unknown key requires.gpu (did you mean gpus?)"),
    "requires a number of text": (COMMAND + "requires: {gpus: two}\n", "models/m.yml:2: requires.gpus must be a whole number, not 'two'"),
    "requires no GPUs": (COMMAND + "requires: {gpus: 0}\n", "models/m.yml:2: requires.gpus must be at least 1, not 0"),
    "requires a bare size": (
        COMMAND + "requires: {memory: 80G}\n",
        "models/m.yml:2: requires.memory must be a size such as 80GB or 75GiB, not '80G'",
    ),
    "requires a version that is a number": (
        COMMAND + "requires: {vllm: 0.24}\n",
        "models/m.yml:2: requires.vllm must be text, not 0.24 (put it in quotes)",
    ),
    "requires a version that is none": (
        COMMAND + "requires: {vllm: new}\n",
        "models/m.yml:2: requires.vllm must be a version such as '0.24' or '>=0.24,<0.33', not 'new'",
    ),
    "a variant called base": (
        COMMAND + "variants: {base: {flags: --x}}\n",
        "models/m.yml:2: no variant can be called base (that is the name of the command as it stands)",
    ),
    "a variant with a typo": (
        COMMAND + "variants: {fp8: {flag: --x}}\n",
        "models/m.yml:2: unknown key variants.fp8.flag (did you mean flags?)",
    ),
    "a variant's flags without dashes": (
        COMMAND + "variants:\n  fp8:\n    flags: |\n      x\n",
        "models/m.yml:5: 'x' is no flag (flags start with --)",
    ),
    "a variant's flag twice": (
        COMMAND + "variants:\n  fp8:\n    flags: |\n      --x 1\n      --no-x\n",
        "models/m.yml:6: --no-x is given twice: line 5 has --x already",
    ),
    "a variant's secret": (
        COMMAND + "variants:\n  fp8:\n    env: {HF_TOKEN: hf_x}\n",
        "models/m.yml:4: HF_TOKEN is a secret and does not belong here (put it into secrets/HF_TOKEN)",
    ),
    "a removed flag with a value": (
        COMMAND + "variants: {fp8: {remove: [--x=1]}}\n",
        "models/m.yml:2: '--x=1' is neither a flag nor a variable (write --flag or NAME, without a value)",
    ),
    "a variant's requirement": (
        COMMAND + "variants: {fp8: {requires: {memory: 1}}}\n",
        "models/m.yml:2: variants.fp8.requires.memory must be text, not 1 (put it in quotes)",
    ),
    "unknown hardware": (
        COMMAND + "hardware: {blackwel: {flags: --x}}\n",
        "models/m.yml:2: unknown hardware hardware.blackwel (did you mean blackwell?)",
    ),
    "unknown hardware of a variant": (
        COMMAND + "variants: {fp8: {hardware: {gb-10: {flags: --x}}}}\n",
        "models/m.yml:2: unknown hardware variants.fp8.hardware.gb-10 (did you mean gb10?)",
    ),
    "a model for hardware": (COMMAND + "hardware: {gb10: {model: a/c}}\n", f"models/m.yml:2: unknown key hardware.gb10.model ({OVERLAY})"),
    "a file elsewhere": (
        COMMAND + "files: [../x.jinja]\n",
        "models/m.yml:2: '../x.jinja' does not lie beside the model file (name it from the folder of this file)",
    ),
    "a template that is not listed": (
        "command: |\n  vllm serve a/b \\\n    --chat-template x.jinja\n",
        "models/m.yml:3: --chat-template names 'x.jinja', which is not among `files:` (list it there)",
    ),
    "a duplicate key": (COMMAND + COMMAND, "models/m.yml:2: duplicate key 'command': line 1 has it already"),
    "a tab": (COMMAND + "env:\n\tA: b\n", "models/m.yml:3: YAML forbids tabs in indentation (use spaces)"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_in_a_model_file_is_one_message_at_its_line(text: str, message: str) -> None:
    assert problems(text) == [message]


def test_all_mistakes_of_a_file_are_found_in_one_pass() -> None:
    text = "command: |\n  vllm serve a/b --x 1 --x 2\nenv:\n  A: 1\n  B C: x\nlitellm:\n  top_p: [2]\n  top_k: z\naliases: [a/b, 3]\nzzz: 1\nenv: {}\n"
    assert sorted(int(problem.split(":")[1]) for problem in problems(text)) == [2, 4, 5, 7, 8, 9, 9, 10, 11]


@pytest.mark.parametrize("name", ["../demo", "a/b", "..", ".", "", ".hidden", "a..b", "-x", "a b", "/etc/passwd", "a\nb", "a\0b", "démo"])
def test_a_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name)
    assert (caught.value.message, caught.value.hint, caught.value.exit_code) == (
        f"{name!r} cannot be a model name",
        "a name is letters, digits, '.', '_' and '-': the file models/NAME.yml",
        2,
    )


@pytest.mark.parametrize("name", ["demo", "qwen3.6-27b", "GLM_4", "3b"])
def test_plain_names_are_taken(name: str) -> None:
    check_name(name)


def test_the_library_is_every_yml_file_sorted(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yml", "c.yaml", "README.md"):
        (tmp_path / name).touch()
    assert model_names(tmp_path) == ["a", "b"]


def test_a_missing_model_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("qwen3-coder", "glm47-flash", "glm47", "demo"):
        (folder / f"{name}.yml").write_text(COMMAND)
    with pytest.raises(UsageError) as caught:
        read_recipe(folder, "glm-47")
    assert caught.value.message == "there is no model 'glm-47': models/glm-47.yml does not exist"
    assert caught.value.hint == "nearest: glm47, glm47-flash, demo; ./runMe.sh models lists all 4"


def test_an_empty_library_is_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_recipe(tmp_path, "demo")
    assert caught.value.hint == "models/ is empty"


def test_a_model_file_is_read_from_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "demo.yml").write_text(GOOD)
    assert read_recipe(folder, "demo") == parse_recipe("demo", "models/demo.yml", GOOD)


def test_a_model_file_that_is_not_utf8_is_a_problem(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "demo.yml").write_bytes(b"command: vllm serve a/b\ndescription: caf\xe9\n")
    recipe, found = read_recipe(folder, "demo")
    assert (recipe, [str(problem) for problem in found]) == (None, ["models/demo.yml:2: the file is not UTF-8 text"])
