"""The sources of configuration, one by one."""

from __future__ import annotations

import pytest

from slipway.layers import Layer, Value, did_you_mean, read_defaults, read_environ, read_overrides, read_vars
from slipway.settings import DEFINITIONS


def vars_values(text: str, environ: dict[str, str] | None = None) -> dict[str, object]:
    layer = read_vars("vars.env", text, environ or {})
    assert layer.problems == ()
    return {name: value.raw for name, value in layer.values.items()}


def vars_problems(text: str, environ: dict[str, str] | None = None) -> list[str]:
    return [str(problem) for problem in read_vars("vars.env", text, environ or {}).problems]


def test_the_defaults_are_those_of_the_table() -> None:
    layer = read_defaults()
    assert layer.label == "built-in default"
    assert layer.values == {item.name: Value(item.default) for item in DEFINITIONS if item.default}


def test_a_vars_file_keeps_the_line_of_every_value() -> None:
    text = "# first\n\nMODEL=demo\n\n\n  # more\nexport GATEWAY_PORT=4001\nNCCL_DEBUG=INFO\n"
    assert read_vars("vars.env", text, {}) == Layer(
        "vars.env", {"MODEL": Value("demo", 3), "GATEWAY_PORT": Value("4001", 7), "env.NCCL_DEBUG": Value("INFO", 8)}
    )


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("MODEL=demo", "demo"),
        ("MODEL = demo ", "demo"),
        ("export MODEL=demo", "demo"),
        ("  MODEL=demo", "demo"),
        ("MODEL='demo'", "demo"),
        ('MODEL="demo"', "demo"),
        ("MODEL=' demo '", " demo "),
        ("MODEL=demo # the small one", "demo"),
        ("MODEL='demo' # the small one", "demo"),
        ("MODEL=demo#1", "demo#1"),
        ("MODEL='a # b'", "a # b"),
        ("MODEL=a b c", "a b c"),
        ("MODEL=a=b", "a=b"),
        ("MODEL=", ""),
        ("MODEL=''", ""),
        (r'MODEL="a\tb"', "a\tb"),
        (r"MODEL='a\tb'", r"a\tb"),
        ("MODEL=$HOME", "$HOME"),
        ("MODEL=demo\r", "demo"),
    ],
)
def test_an_assignment_is_read_as_python_dotenv_reads_it(line: str, value: str) -> None:
    assert vars_values(line + "\n") == {"MODEL": value}


def test_windows_line_ends_keep_values_and_lines_right() -> None:
    text = "# c\r\nMODEL=demo\r\n\r\nRUNTIME='local'\r\n"
    assert read_vars("vars.env", text, {}).values == {"MODEL": Value("demo", 2), "RUNTIME": Value("local", 4)}


def test_the_last_of_two_equal_names_wins() -> None:
    assert read_vars("vars.env", "MODEL=a\nMODEL=b\n", {}).values == {"MODEL": Value("b", 2)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("HF_HOME=${HOME}/hub\n", "/home/me/hub"),
        ("HF_HOME='${HOME}/hub'\n", "/home/me/hub"),
        ("HF_HOME=${NOWHERE:-/data}/hub\n", "/data/hub"),
        ("HF_HOME=${NOWHERE:-}x\n", "x"),
        ("HF_HOME=${HOME}${HOME}\n", "/home/me/home/me"),
        ("HF_HOME=$HOME/hub\n", "$HOME/hub"),
    ],
)
def test_a_name_in_braces_is_replaced_by_its_value(text: str, value: str) -> None:
    assert vars_values(text, {"HOME": "/home/me"}) == {"env.HF_HOME": value}


def test_an_earlier_line_of_the_file_beats_the_environment_in_braces() -> None:
    assert vars_values("MODEL=demo\nHF_HOME=/cache/${MODEL}\n", {"MODEL": "other"})["env.HF_HOME"] == "/cache/demo"


WRONG_VARS = {
    "no assignment": (
        "MODEL=a\nthis is text\n",
        "vars.env:2: not an assignment: 'this is text' (write NAME=value, or # in front of a comment)",
    ),
    "a name alone": ("\n\nMODEL\n", "vars.env:3: not an assignment: 'MODEL' (write NAME=value, or # in front of a comment)"),
    "an export alone": ("export MODEL\n", "vars.env:1: not an assignment: 'export MODEL' (write NAME=value, or # in front of a comment)"),
    "a colon": ("MODEL: demo\n", "vars.env:1: not an assignment: 'MODEL: demo' (write NAME=value, or # in front of a comment)"),
    "no name": ("=demo\n", "vars.env:1: not an assignment: '=demo' (write NAME=value, or # in front of a comment)"),
    "an unbalanced quote": (
        "MODEL='demo\n",
        'vars.env:1: not an assignment: "MODEL=\'demo" (write NAME=value, or # in front of a comment)',
    ),
    "text after a quote": (
        "MODEL='a' b\n",
        "vars.env:1: not an assignment: \"MODEL='a' b\" (write NAME=value, or # in front of a comment)",
    ),
    "a typo": ("GATEWAY_PROT=1\n", "vars.env:1: unknown setting GATEWAY_PROT (did you mean GATEWAY_PORT?)"),
    "a stranger": ("ZZZ=1\n", "vars.env:1: unknown setting ZZZ (see docs/configuration.md)"),
    "a secret": ("MODEL=a\nHF_TOKEN=hf_x\n", "vars.env:2: HF_TOKEN is a secret and does not belong here (put it into secrets/HF_TOKEN)"),
    "a secret in braces": (
        "VLLM_X=${LITELLM_MASTER_KEY}\n",
        "vars.env:1: VLLM_X: ${LITELLM_MASTER_KEY} is a secret and does not belong here",
    ),
    "an unset name in braces": (
        "HF_HOME=${NOWHERE}/hub\n",
        "vars.env:1: HF_HOME: ${NOWHERE} is not set, and has no default (${NOWHERE:-default})",
    ),
    "a NUL byte": ("MODEL=a\0b\n", "vars.env:1: MODEL: the value holds a character that cannot be printed"),
}


@pytest.mark.parametrize(("text", "message"), WRONG_VARS.values(), ids=WRONG_VARS.keys())
def test_a_wrong_line_of_a_vars_file_is_one_message(text: str, message: str) -> None:
    assert vars_problems(text, {"LITELLM_MASTER_KEY": "sk-hidden"}) == [message]


def test_a_wrong_line_does_not_hide_the_others() -> None:
    layer = read_vars("vars.env", "what\nMODEL=demo\nwhere\n", {})
    assert (layer.values, [problem.line for problem in layer.problems]) == ({"MODEL": Value("demo", 2)}, [1, 3])


def test_of_the_environment_only_settings_and_engine_variables_count() -> None:
    environ = {"MODEL": "demo", "RUNTIME": "", "PATH": "/bin", "VLLM_X": "1", "HF_TOKEN": "hf_x", "HF_HOME": "", "DATABASE_URL": "x"}
    assert read_environ(environ) == Layer("environment", {"MODEL": Value("demo"), "env.VLLM_X": Value("1"), "env.HF_HOME": Value("")})


@pytest.mark.parametrize(
    ("pair", "key", "value"),
    [
        ("MODEL=demo", "MODEL", Value("demo", 0, "MODEL")),
        ("model=demo", "MODEL", Value("demo", 0, "model")),
        ("gateway_port=5", "GATEWAY_PORT", Value("5", 0, "gateway_port")),
        ("top_p=0.5", "LITELLM_TOP_P", Value("0.5", 0, "top_p")),
        ("LITELLM_TOP_P=0.5", "LITELLM_TOP_P", Value("0.5", 0, "LITELLM_TOP_P")),
        ("top_p=", "LITELLM_TOP_P", Value("", 0, "top_p")),
        ("--max-model-len=4096", "--max-model-len", Value("4096", 0, "--max-model-len")),
        ("--max_model_len=4096", "--max-model-len", Value("4096", 0, "--max_model_len")),
        ("-tp=2", "--tensor-parallel-size", Value("2", 0, "-tp")),
        ("--enforce-eager", "--enforce-eager", Value("", 0, "--enforce-eager")),
        ("--gpu-memory-utilization=0.5", "GPU_MEMORY_UTILIZATION", Value("0.5", 0, "--gpu-memory-utilization")),
        ('--hf-overrides={"a": "b=c"}', "--hf-overrides", Value('{"a": "b=c"}', 0, "--hf-overrides")),
        ("VLLM_X=1", "env.VLLM_X", Value("1", 0, "VLLM_X")),
        ("env.OMP_NUM_THREADS=4", "env.OMP_NUM_THREADS", Value("4", 0, "env.OMP_NUM_THREADS")),
    ],
)
def test_an_override_names_a_setting_a_sampling_key_a_flag_or_a_variable(pair: str, key: str, value: Value) -> None:
    assert read_overrides([pair]) == Layer("-o", {key: value})


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("MODEL", "-o: 'MODEL' is not key=value"),
        ("", "-o: '' is not key=value"),
        ("=x", "-o: '=x' is not key=value"),
        ("--=x", "-o: '--=x' is not key=value"),
        ("modle=x", "-o: unknown key modle (settings are in docs/configuration.md; flags start with --)"),
        ("temprature=1", "-o: unknown key temprature (did you mean temperature?)"),
        ("env.A B=1", "-o: unknown key env.A B (settings are in docs/configuration.md; flags start with --)"),
        ("HF_TOKEN=hf_x", "-o: HF_TOKEN is a secret and does not belong here (put it into secrets/HF_TOKEN)"),
        ("env.VLLM_API_KEY=x", "-o: VLLM_API_KEY is a secret and does not belong here (put it into secrets/VLLM_API_KEY)"),
    ],
)
def test_a_wrong_override_is_one_message(pair: str, message: str) -> None:
    layer = read_overrides([pair])
    assert ([str(problem) for problem in layer.problems], layer.values) == ([message], {})


def test_the_last_of_two_equal_overrides_wins() -> None:
    assert read_overrides(["top_p=0.1", "LITELLM_TOP_P=0.2"]).values == {"LITELLM_TOP_P": Value("0.2", 0, "LITELLM_TOP_P")}


def test_a_hint_names_the_nearest_word_or_nothing() -> None:
    assert did_you_mean("comand", ["command", "env"]) == "did you mean command?"
    assert did_you_mean("zzz", ["command", "env"]) == ""
