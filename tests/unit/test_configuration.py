"""A checkout's files together: one model's configuration, and the check of the whole library."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.configuration import check_library, read_configuration, read_sources
from slipway.errors import ConfigError, UsageError


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MODEL = "command: vllm serve a/b\nlitellm: {top_p: 0.5}\n"


def test_every_source_is_read_and_the_order_is_theirs(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "vars.env": "MODEL=m\nLITELLM_TOP_P=0.6\nLITELLM_TOP_K=6\nLITELLM_MIN_P=0.6\nLITELLM_TEMPERATURE=0.6\nGATEWAY_PORT=4006\n",
            "vars.local.env": "LITELLM_TOP_K=7\nLITELLM_TEMPERATURE=0.7\nGATEWAY_PORT=4007\n",
            "models/m.yml": "command: vllm serve a/b\nlitellm: {top_p: 0.8, temperature: 0.8}\n",
        },
    )
    sources = read_sources(root, {"LITELLM_TEMPERATURE": "0.9", "GATEWAY_PORT": "4009"}, ["GATEWAY_PORT=4010"])
    settings = read_configuration(sources).settings
    names = ("REQUEST_TIMEOUT", "LITELLM_MIN_P", "LITELLM_TOP_K", "LITELLM_TOP_P", "LITELLM_TEMPERATURE", "GATEWAY_PORT")
    assert {name: (settings.value(name), str(settings.source(name))) for name in names} == {
        "REQUEST_TIMEOUT": (3600, "built-in default"),
        "LITELLM_MIN_P": (0.6, "vars.env:4"),
        "LITELLM_TOP_K": (7, "vars.local.env:1"),
        "LITELLM_TOP_P": (0.8, "models/m.yml:2"),
        "LITELLM_TEMPERATURE": (0.9, "environment"),
        "GATEWAY_PORT": (4010, "-o"),
    }


def test_models_are_looked_for_with_the_hf_variables_of_every_layer(tmp_path: Path) -> None:
    root = write(tmp_path, {"vars.env": "HF_HOME=/vars\nHF_ENDPOINT=http://vars\nVLLM_X=1\n"})
    environ = {"HF_ENDPOINT": "http://shell", "PATH": "/bin"}
    found = read_sources(root, environ, ["HF_HUB_CACHE=/option"]).hub_environ(environ)
    assert found == {"PATH": "/bin", "HF_HOME": "/vars", "HF_ENDPOINT": "http://shell", "HF_HUB_CACHE": "/option"}


def test_a_flag_in_the_command_beats_vars_env_and_loses_to_the_environment(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {"vars.env": "GPU_MEMORY_UTILIZATION=0.6\n", "models/m.yml": "command: vllm serve a/b --gpu-memory-utilization 0.8\n"},
    )
    assert read_configuration(read_sources(root, {}), "m").settings.value("GPU_MEMORY_UTILIZATION") == 0.8
    environ = {"GPU_MEMORY_UTILIZATION": "0.9"}
    assert read_configuration(read_sources(root, environ), "m").settings.value("GPU_MEMORY_UTILIZATION") == 0.9


def test_every_problem_of_every_layer_comes_at_once(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "vars.env": "what\nGATEWAY_PORT=x\n",
            "vars.local.env": "HF_TOKEN=hf_x\n",
            "models/m.yml": "command: vllm serve a/b --gpu-memory-utilization 7\nenv: {A: 1}\n",
        },
    )
    with pytest.raises(ConfigError) as caught:
        read_configuration(read_sources(root, {"RUNTIME": "moon"}, ["nope"]), "m")
    assert caught.value.message.splitlines() == [
        "-o: 'nope' is not key=value",
        "environment: RUNTIME must be one of auto, local, docker, not 'moon'",
        "models/m.yml:2: env.A must be text, not 1 (put it in quotes)",
        "vars.env:1: not an assignment: 'what' (write NAME=value, or # in front of a comment)",
        "vars.env:2: GATEWAY_PORT must be a port number, not 'x'",
        "vars.local.env:1: HF_TOKEN is a secret and does not belong here (put it into secrets/HF_TOKEN)",
    ]


def test_a_wrong_value_of_a_flag_names_the_flag_and_its_line(tmp_path: Path) -> None:
    root = write(tmp_path, {"models/m.yml": "command: |\n  vllm serve a/b \\\n    --gpu-memory-utilization 7\n"})
    with pytest.raises(ConfigError) as caught:
        read_configuration(read_sources(root, {}), "m")
    assert caught.value.message == "models/m.yml:3: --gpu-memory-utilization must be between 0.01 and 1, not 7"


def test_a_vars_file_that_is_not_utf8_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {"models/m.yml": MODEL})
    (tmp_path / "vars.env").write_bytes(b"MODEL=m\n# caf\xe9\n")
    with pytest.raises(ConfigError) as caught:
        read_configuration(read_sources(tmp_path, {}), "m")
    assert caught.value.message == "vars.env:2: the file is not UTF-8 text"


def test_a_name_with_a_slash_or_dots_is_refused_before_any_file_is_looked_for(tmp_path: Path) -> None:
    for name in ("../m", "a/b", ".."):
        with pytest.raises(UsageError) as caught:
            read_configuration(read_sources(write(tmp_path, {"models/m.yml": MODEL}), {"MODEL": name}))
        assert caught.value.message == f"{name!r} cannot be a model name"


def test_the_library_check_gives_the_good_models_and_all_problems(tmp_path: Path) -> None:
    root = write(tmp_path, {"models/a.yml": MODEL, "models/b.yml": "command: ls\n", "models/bad name.yml": MODEL})
    good, problems = check_library(read_sources(root, {}))
    assert list(good) == ["a"]
    assert [str(problem) for problem in problems] == [
        "models/b.yml:1: the command is not one `vllm serve MODEL` (it must start with `vllm serve`)",
        "models/bad name.yml: 'bad name' cannot be a model name (a name is letters, digits, '.', '_' and '-': the file models/NAME.yml)",
    ]


def test_two_models_cannot_share_an_alias_or_take_another_s_name(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "models/a.yml": "command: vllm serve a/a\naliases: [shared]\n",
            "models/b.yml": "command: vllm serve b/b\naliases: [own, shared, a]\n",
        },
    )
    good, problems = check_library(read_sources(root, {}))
    assert [str(problem) for problem in problems] == [
        "models/b.yml:2: the alias a is taken by models/a.yml",
        "models/b.yml:2: the alias shared is taken by models/a.yml",
    ]
    assert sorted(good) == ["a", "b"]


def test_the_check_of_named_models_looks_at_no_other(tmp_path: Path) -> None:
    root = write(tmp_path, {"models/a.yml": MODEL, "models/b.yml": "command: ls\n"})
    good, problems = check_library(read_sources(root, {}), ["a"])
    assert (list(good), problems) == (["a"], [])


def test_a_wrong_vars_file_is_reported_once_for_all_models(tmp_path: Path) -> None:
    root = write(tmp_path, {"vars.env": "what\n", "models/a.yml": MODEL, "models/b.yml": MODEL})
    _, problems = check_library(read_sources(root, {}))
    assert [problem.path for problem in problems] == ["vars.env"]
