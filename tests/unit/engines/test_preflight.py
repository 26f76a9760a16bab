"""Preflight: what vLLM would refuse or ignore, found in the model file, at the line of the very word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from slipway.engines import check_plan
from slipway.engines.base import Findings
from tests.unit.building import configure_plan

NEWEST = "0.32.0"


def preflight(
    text: str, version: str = NEWEST, files: Mapping[str, str] | None = None, **more: Sequence[str] | Mapping[str, str]
) -> Findings:
    def read(name: str) -> str:
        if name not in (files or {}):
            raise FileNotFoundError(2, "No such file or directory")
        return (files or {})[name]

    return check_plan(configure_plan(text, **more), version, read)


def command(flags: str) -> str:
    return f"command: |\n  vllm serve a/b \\\n    {flags}\n"


def errors(flags: str, version: str = NEWEST, **more: Mapping[str, str]) -> list[str]:
    """The mistakes in flags that stand on line 3; each message without its place."""
    found = preflight(command(flags), version, **more)
    assert {(problem.path, problem.line) for problem in found.errors} <= {("models/m.yml", 3)}
    return [str(problem).removeprefix("models/m.yml:3: ") for problem in found.errors]


RIGHT = [
    "--max-model-len 32k",
    "--max-model-len 32K",
    "--max-model-len=4096",
    "--max_model_len 4096",
    "--max-model-len -1",
    "--max-model-len auto",
    "--max-num-batched-tokens 1.5k",
    "-tp 2 -pp=2",
    "-tp=2 -dcp 1",
    "--enable-prefix-caching",
    "--no-enable-prefix-caching",
    "--seed 0",
    "-O3",
    "-O 2",
    "-O=1",
    "--moe-backend DEEP-GEMM",
    "--kv-cache-dtype fp8",
    "--quantization modelopt",
    "-q awq",
    "--attention-backend flash_attn",
    "--attention-backend AUTO",
    "--tokenizer-mode somebodys-own",
    "--load-format auto",
    "--cudagraph-capture-sizes 1 2 4",
    "--hf-overrides '{\"a\": 1}'",
    "--hf-overrides some.function",
    "--hf-overrides.rope_scaling.factor 4",
    "--limit-mm-per-prompt '{\"image\": 2}'",
    "--limit-mm-per-prompt.image 2",
    '--speculative-config \'{"method": "mtp", "num_speculative_tokens": 2}\'',
    "--speculative-config.method mtp --speculative-config.num_speculative_tokens 2",
    '--compilation-config \'{"mode": 3, "pass_config": {}}\'',
    "-cc.mode 3",
    "-cc.mode=VLLM_COMPILE",
    "--compilation_config.custom_ops+ none,+rms_norm",
    "--compilation-config.cudagraph_capture_sizes+ 1,2,4",
    '--kv-transfer-config \'{"kv_connector": "X", "kv_role": "kv_both", "kv_connector_extra_config": {"cpu_bytes_to_use": 80m}}\'',
    "--enable-auto-tool-choice --tool-call-parser hermes",
    "--reasoning-parser qwen3",
    "--tool-call-parser mine --tool-parser-plugin /mine.py",
    "--reasoning-parser mine --reasoning-parser-plugin /mine.py",
    "--middleware a.b --middleware c.d",
    "--download-dir ''",
    "--device-memory-utilization 0.5",
]


@pytest.mark.parametrize("flags", RIGHT)
def test_what_vllm_takes_is_no_mistake(flags: str) -> None:
    assert preflight(command(flags)) == Findings()


WRONG = {
    "--kv-cache-dtpye fp8": "vLLM 0.32.0 has no flag --kv-cache-dtpye (did you mean --kv-cache-dtype?)",
    "--kv_cache_dtpye=fp8": "vLLM 0.32.0 has no flag --kv-cache-dtpye (did you mean --kv-cache-dtype?)",
    "-tpp 2": "vLLM 0.32.0 has no flag -tpp (did you mean -tp?)",
    "--max-model 5": "--max-model is short for --max-model-len (write it out: the next version may have two that begin like this)",
    "--zzz": "vLLM 0.32.0 has no flag --zzz",
    "--no-seed": "vLLM 0.32.0 has no flag --no-seed (--seed cannot be negated)",
    "--cuda-graph-sizes 1": "vLLM 0.32.0 has no flag --cuda-graph-sizes: 0.11.2 had it, 0.15.1 no longer (now --cudagraph-capture-sizes)",
    "--swap-space 4": "vLLM 0.32.0 has no flag --swap-space: 0.15.1 had it, 0.20.2 no longer (remove it: nothing is swapped to the CPU any more)",
    "--rope-scaling '{}'": "vLLM 0.32.0 has no flag --rope-scaling (now --hf-overrides)",
    "--help": "--help prints help and ends (remove it)",
    "-h": "-h prints help and ends (remove it)",
    "--model c/d": "the model stands right after `vllm serve`, not in --model (remove it)",
    "--max-model-len": "--max-model-len needs a value",
    "--max-model-len 1 2": "--max-model-len takes one value, and '1 2' follows it (put a value with spaces in quotes)",
    "--max-model-len lots": "--max-model-len must be a whole number such as 4096, 32k or 1M or one of auto, -1, not 'lots'",
    "--max-model-len 1.5M": "--max-model-len must be a whole number such as 4096, 32k or 1M or one of auto, -1, not '1.5M'",
    "--max-num-seqs many": "--max-num-seqs must be a whole number, not 'many'",
    "-tp two": "-tp must be a whole number, not 'two'",
    "-O": "-O needs a value",
    "--cpu-offload-gb much": "--cpu-offload-gb must be a number, not 'much'",
    "--enforce-eager true": "--enforce-eager takes no value, and 'true' follows it",
    "--enforce-eager=true": "--enforce-eager takes no value, and 'true' follows it",
    "--no-enforce-eager 1": "--no-enforce-eager takes no value, and '1' follows it",
    "--cudagraph-capture-sizes": "--cudagraph-capture-sizes needs at least one value",
    "--cudagraph-capture-sizes 1 x": "--cudagraph-capture-sizes must be a whole number, not 'x'",
    "--kv-cache-dtype fp9": "--kv-cache-dtype cannot be 'fp9' (did you mean fp8?)",
    "--scheduling-policy zzz": "--scheduling-policy must be one of fcfs, priority, not 'zzz'",
    "--tokenizer-mode misstral": "vLLM 0.32.0 knows no --tokenizer-mode misstral (did you mean mistral?)",
    "--tool-call-parser hermez": "hermez is not a tool parser of vLLM 0.32.0 (did you mean hermes?)",
    "--tool-call-parser minimax": "minimax is not a tool parser of vLLM 0.32.0: 0.23.0 had it, 0.27.1 no longer",
    "--reasoning-parser qwen33": "qwen33 is not a reasoning parser of vLLM 0.32.0 (did you mean qwen3?)",
    "--attention-backend FLASHATTN": "FLASHATTN is not an attention backend of vLLM 0.32.0 (did you mean FLASH_ATTN?)",
    "--attention-config.backend FLASHATTN": "FLASHATTN is not an attention backend of vLLM 0.32.0 (did you mean FLASH_ATTN?)",
    '-ac \'{"backend": "FLASHATTN"}\'': "FLASHATTN is not an attention backend of vLLM 0.32.0 (did you mean FLASH_ATTN?)",
    "--quantization awk": "awk is not a quantization method of vLLM 0.32.0 (did you mean awq?)",
    "-q bitsandbytes": "bitsandbytes is not a quantization method of vLLM 0.32.0: 0.27.1 had it, 0.32.0 no longer",
    "--compilation-config '{\"mode\": 3'": "--compilation-config is not valid JSON: Expecting ',' delimiter: line 1 column 11 (char 10)",
    "--compilation-config 3": "--compilation-config must be a JSON object, not 3",
    "--compilation-config '{\"cudagraph_mod\": 1}'": "--compilation-config has no key cudagraph_mod (did you mean cudagraph_mode?)",
    "-cc.cudagraph_mod 1": "--compilation-config has no key cudagraph_mod (did you mean cudagraph_mode?)",
    "-cc.dynamic_shapes_config.typ x": "--compilation-config has no key dynamic_shapes_config.typ (did you mean type?)",
    "-cc.cudagraph_capture_sizes 4": "--compilation-config cudagraph_capture_sizes must be a list, not 4",
    "-cc.mode": "-cc.mode needs a value",
    "--seed.x 1": "--seed takes no keys: its value is no JSON object (write --seed VALUE)",
    '--speculative-config \'{"method": "mpt"}\'': "--speculative-config method cannot be 'mpt' (did you mean mtp?)",
    '--speculative-config \'{"num_speculative_tokens": "x"}\'': "--speculative-config num_speculative_tokens must be a whole number, not 'x'",
    "--hf-overrides '{a}'": "--hf-overrides is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    "--limit-mm-per-prompt image=2": "--limit-mm-per-prompt is not valid JSON: Expecting value: line 1 column 1 (char 0)",
    "--enable-auto-tool-choice": "--enable-auto-tool-choice requires --tool-call-parser",
    "--config=x.yaml": "vLLM does not read a file given as --config=FILE (write --config FILE)",
    "--config x.json": "--config x.json: vLLM takes a .yaml or .yml file only",
    "--config x.yaml": "--config x.yaml cannot be read: No such file or directory",
    "--attention-backend FLASHINFER -ac.backend FLASHINFER": (
        "--attention-config.backend and --attention-backend exclude each other (models/m.yml:3 has --attention-backend)"
    ),
    '--spec-method mtp --speculative-config \'{"method": "mtp"}\'': (
        "--speculative-config.method and --spec-method exclude each other (models/m.yml:3 has --spec-method)"
    ),
    "-cc.mode 3 --compilation-config '{}'": (
        "--compilation-config.mode would replace all of --compilation-config (models/m.yml:3 gives it whole: write all keys one way)"
    ),
}


@pytest.mark.parametrize(("flags", "message"), WRONG.items())
def test_what_vllm_refuses_is_one_message(flags: str, message: str) -> None:
    assert errors(flags) == [message]


def test_a_plugin_for_tools_brings_no_reasoning_parser() -> None:
    (message,) = errors("--reasoning-parser mine --tool-parser-plugin /x.py")
    assert message.startswith("mine is not a reasoning parser of vLLM 0.32.0 (known: cohere_command3, ")
    assert message.endswith("; --reasoning-parser-plugin brings others)")


def test_each_message_has_the_line_of_its_own_flag_and_all_come_at_once() -> None:
    text = "command: |\n  vllm serve a/b \\\n    --sed 1 \\\n    --max-num-seqs 4 --block-size x \\\n    # a comment\n    --dtype foo\nenv:\n  VLLM_LOGING_LEVEL: INFO\n"
    assert [str(problem).partition(" ")[0] for problem in preflight(text).errors] == [f"models/m.yml:{line}:" for line in (3, 4, 6, 8)]


def test_an_override_is_checked_where_it_comes_from_and_what_it_replaces_is_not() -> None:
    found = preflight(command("--max-num-seqs lots"), overrides=["--max-num-seqs=many"])
    assert [str(problem) for problem in found.errors] == ["-o: --max-num-seqs must be a whole number, not 'many'"]


VARIABLES = {
    "VLLM_LOGGING_LEVEL: DEBUG": [],
    "VLLM_USE_DEEP_GEMM: '1'": [],
    "OMP_NUM_THREADS: x": [],
    "VLLM_FLOAT32_MATMUL_PRECISION: HIGH": [],
    "VLLM_LOGING_LEVEL: DEBUG": ["vLLM 0.32.0 has no variable VLLM_LOGING_LEVEL (did you mean VLLM_LOGGING_LEVEL?)"],
    "VLLM_USE_DEEP_GEMM: 'yes'": ["VLLM_USE_DEEP_GEMM must be a whole number, not 'yes'"],
    "VLLM_FLOAT32_MATMUL_PRECISION: hihg": ["VLLM_FLOAT32_MATMUL_PRECISION cannot be 'hihg' (did you mean high?)"],
    "VLLM_ATTENTION_BACKEND: FLASHINFER": [
        "vLLM 0.32.0 has no variable VLLM_ATTENTION_BACKEND: 0.11.2 had it, 0.15.1 no longer (now the flag --attention-backend)"
    ],
}


@pytest.mark.parametrize(("line", "messages"), VARIABLES.items())
def test_variables_of_vllm_are_checked_and_others_are_not(line: str, messages: list[str]) -> None:
    found = preflight(f"command: vllm serve a/b\nenv:\n  {line}\n")
    assert ([str(problem) for problem in found.errors], found.warnings) == ([f"models/m.yml:3: {text}" for text in messages], ())


def test_a_variable_like_none_that_is_known_may_be_a_plugin_s() -> None:
    found = preflight("command: vllm serve a/b\nenv:\n  VLLM_QQQ_JJJ: x\n")
    assert found.errors == ()
    assert [str(problem) for problem in found.warnings] == [
        "models/m.yml:3: vLLM 0.32.0 has no variable VLLM_QQQ_JJJ (only a plugin could read it)"
    ]


def test_a_variable_that_happens_to_be_in_the_shell_is_only_warned_about() -> None:
    found = preflight("command: vllm serve a/b\n", environ={"VLLM_LOGING_LEVEL": "INFO"})
    assert found.errors == ()
    assert [str(problem) for problem in found.warnings] == [
        "environment: vLLM 0.32.0 has no variable VLLM_LOGING_LEVEL (did you mean VLLM_LOGGING_LEVEL?)"
    ]


def test_a_deprecated_flag_is_a_warning() -> None:
    found = preflight(command("--log-config-file x"))
    assert found.errors == ()
    assert [str(problem) for problem in found.warnings] == [
        "models/m.yml:3: --log-config-file is deprecated and will be removed in v0.33.0. Use --logging-config.pylogging_config_file instead"
    ]


def test_a_deprecated_flag_says_what_to_write_instead() -> None:
    (problem,) = preflight(command("--task embed"), "0.11.2").warnings
    assert str(problem) == (
        "models/m.yml:3: --task is deprecated: The task to use the model for (now --runner, and --convert to adapt a model for pooling)"
    )


@pytest.mark.parametrize("version", ["", "0.33.0", "0.9.0"])
def test_outside_the_versions_that_ship_mistakes_are_warnings_with_a_note(version: str) -> None:
    found = preflight(command("--brand-new 1"), version)
    assert found.errors == ()
    assert [problem.message.partition(" ")[2] for problem in found.warnings] == [
        f"{'0.11.2' if version == '0.9.0' else NEWEST} has no flag --brand-new"
    ]
    assert "what it does not know is a warning" in found.note


@pytest.mark.parametrize(
    ("flags", "version", "error", "warning"),
    [
        # 0.23.0 has it, 0.20.2 does not; 0.21.0 may have either
        ("--spec-tokens 1", "0.21.0", False, True),
        ("--spec-tokens 1", "0.22.1", False, False),
        ("--spec-tokens 1", "0.20.2", True, False),
        ("--sed 1", "0.21.0", True, False),
        ("--tool-call-parser poolside_v1", "0.21.0", False, True),
    ],
)
def test_between_two_schemas_what_either_takes_may_be_right(flags: str, version: str, error: bool, warning: bool) -> None:
    found = preflight(command(flags), version)
    assert (bool(found.errors), bool(found.warnings)) == (error, warning)


CONFIG = """\
# vLLM's own configuration file
max-model-len: 8k
tensor_parallel_size: two
enable-prefix-caching: false
enforce-eager: true
cudagraph-capture-sizes: [1, 2]
compilation-config:
  mod: 3
gpu-memory-utilization: 0.5
port: 9000
uds: /x
"""


def test_a_config_file_is_checked_line_by_line() -> None:
    found = preflight(command("--config ./c.yaml"), files={"./c.yaml": CONFIG})
    assert [str(problem) for problem in found.errors] == [
        "./c.yaml:10: --port 9000 is a flag that Slipway sets itself (remove it; set ENGINE_PORT)",
        "./c.yaml:11: --uds would hide the engine from the gateway (remove it)",
        "./c.yaml:3: --tensor-parallel-size must be a whole number, not 'two'",
        "./c.yaml:7: --compilation-config has no key mod (did you mean mode?)",
    ]
    assert [str(problem) for problem in found.warnings] == [
        "./c.yaml:9: --gpu-memory-utilization has no effect here: the command line has it too (from built-in default)",
        "./c.yaml:10: --port has no effect here: the command line has it too (from built-in default)",
    ]


def test_a_config_file_that_is_no_mapping_is_a_mistake() -> None:
    found = preflight(command("--config c.yml"), files={"c.yml": "- a\n"})
    assert [str(problem) for problem in found.errors] == ["c.yml:1: the file must be a mapping of sections such as `command:`"]


def test_a_config_file_inside_a_container_cannot_be_checked_here() -> None:
    found = preflight(command("--config /inside/c.yml"))
    assert (found.errors, [str(problem) for problem in found.warnings]) == (
        (),
        ["models/m.yml:3: --config /inside/c.yml cannot be read here: No such file or directory"],
    )
