"""vLLM: its whole command line and environment, the flags that Slipway owns, and the meaning of its log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from slipway.engines.base import LogSign
from slipway.engines.vllm import ENGINE
from slipway.errors import ConfigError
from slipway.plan import SLIPWAY, Argument, Variable
from slipway.resolve import Source
from tests.unit.building import SITE, plan

OWNED = ("--host", "127.0.0.1", "--port", "8000", "--served-model-name", "m", "vllm_agent")
MEMORY = ("--gpu-memory-utilization", "0.75")


def argv(command: str, overrides: Sequence[str] = (), vars_env: str = "") -> tuple[str, ...]:
    return plan(f"command: {command}\n", overrides=overrides, vars_env=vars_env).engines[0].argv


@pytest.mark.parametrize(
    ("command", "overrides", "expected"),
    [
        ("vllm serve a/b", [], ("a/b", *MEMORY)),
        ("vllm serve a/b --x 1 --y", [], ("a/b", "--x", "1", "--y", *MEMORY)),
        ("vllm serve a/b --middleware p --middleware q", [], ("a/b", "--middleware", "p", "--middleware", "q", *MEMORY)),
        ("vllm serve ./models/demo", [], ("/slipway/models/demo", *MEMORY)),
        ("vllm serve /data/model", [], ("/data/model", *MEMORY)),
        ("vllm serve a/b --max-model-len 1", ["--max-model-len=2"], ("a/b", "--max-model-len", "2", *MEMORY)),
        ("vllm serve a/b -tp 1", ["--tensor_parallel_size=2"], ("a/b", "--tensor-parallel-size", "2", *MEMORY)),
        ("vllm serve a/b -tp 1", ["-tp=2"], ("a/b", "--tensor-parallel-size", "2", *MEMORY)),
        ("vllm serve a/b --enable-x", ["--no-enable-x"], ("a/b", "--no-enable-x", *MEMORY)),
        ("vllm serve a/b", ["--enforce-eager"], ("a/b", "--enforce-eager", *MEMORY)),
        (
            'vllm serve a/b --x {\\"k\\":1}',
            ["--x.l.m=true", "-cc.mode=3"],
            ("a/b", *MEMORY, "--x", '{"k": 1, "l": {"m": true}}', "--compilation-config.mode", "3"),
        ),
        ('vllm serve a/b --x {\\"k\\":1}', ['--x={"o":1}', "--x.k=2"], ("a/b", "--x", '{"o": 1, "k": 2}', *MEMORY)),
        ('vllm serve a/b --x {\\"k\\":[\\"a\\"]}', ["--x.k+=b,c"], ("a/b", *MEMORY, "--x", '{"k": ["a", "b", "c"]}')),
        ("vllm serve a/b --x.k 1 --x.l 2", ["--x.k=3"], ("a/b", "--x.l", "2", *MEMORY, "--x.k", "3")),
        ("vllm serve a/b --x.k 1 --x.l 2", ["--x={}"], ("a/b", "--x", "{}", *MEMORY)),
        ("vllm serve a/b --x text", ["--x.k=3"], ("a/b", "--x", "text", *MEMORY, "--x.k", "3")),
        ("vllm serve a/b", ["--seed=-1"], ("a/b", "--seed=-1", *MEMORY)),
        ("vllm serve a/b --gpu-memory-utilization 0.9", [], ("a/b", "--gpu-memory-utilization", "0.9")),
        ("vllm serve a/b --gpu-memory-utilization=0.9", [], ("a/b", "--gpu-memory-utilization=0.9")),
        ("vllm serve a/b --gpu-memory-utilization 0.9", ["gpu_memory_utilization=0.5"], ("a/b", "--gpu-memory-utilization", "0.5")),
        ("vllm serve a/b", ["--gpu-memory-utilization=0.5"], ("a/b", "--gpu-memory-utilization", "0.5")),
        ("vllm serve a/b --gpu-memory-utilization 0.9", ["--gpu-memory-utilization="], ("a/b",)),
        ("vllm serve a/b --port 8000 --host 127.0.0.1 --served-model-name m vllm_agent", [], ("a/b", *MEMORY)),
    ],
)
def test_the_command_line_is_the_file_s_with_the_overrides_and_what_slipway_owns(
    command: str, overrides: list[str], expected: tuple[str, ...]
) -> None:
    assert argv(command, overrides) == ("vllm", "serve", *expected, *OWNED)


def test_files_of_the_model_are_paths_that_the_engine_can_open() -> None:
    command = "vllm serve a/b --chat-template m/t.jinja --x=m/t.jinja --y m/other.jinja"
    text = f"command: {command}\nfiles: [m/t.jinja, m/p.py]\n"
    words = plan(text, overrides=["--tool-parser-plugin=m/p.py"]).engines[0].argv
    path = "/slipway/models/m"
    expected = ("--chat-template", f"{path}/t.jinja", f"--x={path}/t.jinja", "--y", "m/other.jinja", "--tool-parser-plugin", f"{path}/p.py")
    assert words[3:10] == expected


def test_what_a_variant_replaced_is_known_with_its_line() -> None:
    text = "command: |\n  vllm serve a/b --x 1\nvariants:\n  fp8:\n    flags: --x 2\n"
    found = plan(text, overrides=["VARIANT=fp8"]).engines[0].arguments[1]
    assert (found.words, *origin(found)) == (("--x", "2"), "models/m.yml:5", ["1 models/m.yml:2"])


def test_the_model_file_s_flag_beats_vars_env_s_setting() -> None:
    vars_env = "GPU_MEMORY_UTILIZATION=0.6\n"
    assert argv("vllm serve a/b", vars_env=vars_env)[3:5] == ("--gpu-memory-utilization", "0.6")
    assert argv("vllm serve a/b --gpu-memory-utilization 0.9", vars_env=vars_env)[3:5] == ("--gpu-memory-utilization", "0.9")


def origin(argument: Argument) -> tuple[str, list[str]]:
    return str(argument.source), [f"{value} {source}" for value, source in argument.shadowed]


@pytest.mark.parametrize(
    ("command", "overrides", "name", "expected"),
    [
        ("--seed 1", [], "--seed", ("models/m.yml:3", [])),
        ("--seed 1", ["--seed=2"], "--seed", ("-o", ["1 models/m.yml:3"])),
        ("-tp 1", ["-tp=2"], "--tensor-parallel-size", ("-o", ["1 models/m.yml:3"])),
        ("--enable-x", ["--no-enable-x"], "--no-enable-x", ("-o", [" models/m.yml:3"])),
        ("--x '{}'", ["--x.k=1"], "--x", ("-o", ["{} models/m.yml:3"])),
        ("--x.k 1", ["--x={}"], "--x", ("-o", ["--x.k 1 models/m.yml:3"])),
        (
            "--middleware p --middleware q",
            ["--middleware=r"],
            "--middleware",
            ("-o", ["p models/m.yml:3", "q models/m.yml:3"]),
        ),
        ("--gpu-memory-utilization 0.9", [], "--gpu-memory-utilization", ("models/m.yml:3", ["0.6 vars.env:1", "0.75 built-in default"])),
        (
            "--gpu-memory-utilization 0.9",
            ["GPU_MEMORY_UTILIZATION=0.5"],
            "--gpu-memory-utilization",
            ("-o", ["0.9 models/m.yml:3", "0.6 vars.env:1", "0.75 built-in default"]),
        ),
        ("--seed 1", [], "--gpu-memory-utilization", ("vars.env:1", ["0.75 built-in default"])),
        ("--host 127.0.0.1", [], "--host", ("Slipway", ["127.0.0.1 models/m.yml:3"])),
        ("--seed 1", ["ENGINE_PORT=9"], "--port", ("-o", ["8000 built-in default"])),
    ],
)
def test_each_flag_knows_where_it_was_written_and_what_it_replaced(
    command: str, overrides: list[str], name: str, expected: tuple[str, list[str]]
) -> None:
    text = f"command: |\n  vllm serve a/b\n  {command}\n"
    engine = plan(text, overrides=overrides, vars_env="GPU_MEMORY_UTILIZATION=0.6\n").engines[0]
    assert [origin(argument) for argument in engine.arguments if argument.name == name] == [expected]


def test_each_variable_knows_where_it_was_set_and_why_slipway_added_it() -> None:
    engine = plan("command: vllm serve a/b\nenv:\n  VLLM_X: file\n", vars_env="VLLM_X=vars\n").engines[0]
    assert engine.variables == (
        Variable("PYTHONPATH", "/slipway/slipway/startup", SLIPWAY, "its sitecustomize.py makes imports quicker"),
        Variable("VLLM_NO_USAGE_STATS", "1", SLIPWAY, "nothing is reported to anyone"),
        Variable("VLLM_X", "file", Source("models/m.yml", 3), shadowed=(("vars", Source("vars.env", 1)),)),
    )


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        (
            "command: |\n  vllm serve a/b \\\n    --port 9000\n",
            [],
            "models/m.yml:3: --port 9000 is a flag that Slipway sets itself (remove it; set ENGINE_PORT)",
        ),
        (
            "command: vllm serve a/b --host 0.0.0.0\n",
            [],
            "models/m.yml:1: --host 0.0.0.0 is a flag that Slipway sets itself (remove it)",
        ),
        (
            "command: vllm serve a/b --served_model_name=x\n",
            [],
            "models/m.yml:1: --served-model-name x is a flag that Slipway sets itself (remove it; use `aliases:`)",
        ),
        (
            "command: vllm serve a/b --api-key sk-hidden\n",
            [],
            "models/m.yml:1: --api-key would show a secret in the process list (remove it; use secrets/VLLM_API_KEY)",
        ),
        (
            "command: vllm serve a/b --hf-token hf_hidden\n",
            [],
            "models/m.yml:1: --hf-token would show a secret in the process list (remove it; use secrets/HF_TOKEN)",
        ),
        (
            "command: vllm serve a/b --uds /tmp/x\n",
            [],
            "models/m.yml:1: --uds would hide the engine from the gateway (remove it)",
        ),
        ("command: vllm serve a/b\n", ["--root-path=/x"], "-o: --root-path would hide the engine from the gateway (remove it)"),
        ("command: vllm serve a/b\n", ["--port=9000"], "-o: --port 9000 is a flag that Slipway sets itself (remove it; set ENGINE_PORT)"),
        (
            "command: |\n  vllm serve a/b --host ::\n  --port 1\n",
            [],
            "models/m.yml:2: --host :: is a flag that Slipway sets itself (remove it)\n"
            "models/m.yml:3: --port 1 is a flag that Slipway sets itself (remove it; set ENGINE_PORT)",
        ),
    ],
)
def test_a_flag_that_slipway_owns_cannot_be_set_to_something_else(text: str, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(text, overrides=overrides)
    assert caught.value.message == message


def test_the_environment_is_the_file_s_the_vars_and_the_overrides_sorted() -> None:
    text = "command: vllm serve a/b\nenv: {OMP_NUM_THREADS: '4', VLLM_X: file, VLLM_NO_USAGE_STATS: '0'}\n"
    engine = plan(text, vars_env="VLLM_X=vars\nNCCL_DEBUG=INFO\n", overrides=["env.OMP_NUM_THREADS=8"]).engines[0]
    assert list(engine.env.items()) == [
        ("NCCL_DEBUG", "INFO"),
        ("OMP_NUM_THREADS", "8"),
        ("PYTHONPATH", "/slipway/slipway/startup"),
        ("VLLM_NO_USAGE_STATS", "0"),
        ("VLLM_X", "file"),
    ]


def test_the_site_decides_executable_address_and_scratch_folder() -> None:
    site = replace(SITE, vllm="/env/bin/vllm", engine_bind="0.0.0.0", engine_host="vllm-node", engine_scratch="/run/engine")
    engine = plan("command: vllm serve a/b\n", overrides=["ENGINE_PORT=8001"], site=site).engines[0]
    assert engine.argv == (
        *("/env/bin/vllm", "serve", "a/b", *MEMORY),
        *("--host", "0.0.0.0", "--port", "8001", "--served-model-name", "m", "vllm_agent"),
    )
    assert engine.env == {
        "PYTHONPATH": "/slipway/slipway/startup",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_RPC_BASE_PATH": "/run/engine",
    }
    assert engine.base_url == "http://vllm-node:8001"


# Lines of vLLM 0.32.0: from its log on a CPU, and as its source formats them for a GPU.
LOG = [
    ("(APIServer pid=1) INFO 11-20 19:43:29 [api_utils.py:286] non-default args: {'model_tag': 'a/b', 'download_dir': '/x'}", None),
    (
        "(APIServer pid=1) INFO 11-20 19:46:57 [model.py:733] Resolved architecture: Qwen3ForCausalLM",
        LogSign("reading the model's configuration"),
    ),
    ("(APIServer pid=1) INFO 11-20 19:46:57 [model.py:2152] Using max model len 32768", None),
    (
        "(APIServer pid=1) WARNING 11-20 19:46:57 [vllm.py:1703] Enforce eager set, disabling torch.compile, CUDAGraphs, and JIT kernel warmup.",
        None,
    ),
    (
        "(EngineCore pid=2) INFO 11-20 19:47:02 [core.py:133] Initializing a V1 LLM engine (v0.32.0) with config: model='a/b', profiler_config=None",
        LogSign("reading the model's configuration"),
    ),
    ("(Worker pid=3) INFO 11-20 19:47:08 [cpu_model_runner.py:68] Starting to load model /work/demo...", LogSign("loading weights")),
    ("Loading safetensors checkpoint shards:   0% Completed | 0/4 [00:00<?, ?it/s]", LogSign("loading weights", 0, 4)),
    ("Loading safetensors checkpoint shards:  75% Completed | 3/4 [00:00<00:00, 224.46it/s]", LogSign("loading weights", 3, 4)),
    ("(Worker pid=3) INFO 11-20 19:47:08 [default_loader.py:501] Loading weights took 0.01 seconds", LogSign("weights loaded")),
    (
        "(Worker pid=3) INFO 11-20 19:47:08 [gpu_model_runner.py:5150] Model loading took 27.1 GiB memory and 9.5 seconds",
        LogSign("weights loaded"),
    ),
    ("INFO 11-20 19:47:09 [backends.py:1105] Using cache directory: /root/.cache/vllm/x for vLLM's torch.compile", LogSign("compiling")),
    ("INFO 11-20 19:47:09 [backends.py:1167] Dynamo bytecode transform time: 4.71 s", LogSign("compiling")),
    ("INFO 11-20 19:47:09 [backends.py:399] Compiling a graph for compile range (1, 8192) takes 12.41 s", LogSign("compiling")),
    ("INFO 11-20 19:47:09 [gpu_model_runner.py:6369] Profiling CUDA graph memory: PIECEWISE=51", LogSign("sizing the KV cache")),
    ("INFO 11-20 19:47:09 [gpu_worker.py:760] Available KV cache memory: 60.1 GiB", LogSign("sizing the KV cache")),
    (
        "(EngineCore pid=2) INFO 11-20 19:47:09 [kv_cache_utils.py:2327] CPU KV cache size: 3,532,045 tokens, Maximum concurrency",
        LogSign("sizing the KV cache"),
    ),
    (
        "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  45%|####5     | 23/51 [00:01<00:01, 20.1it/s]",
        LogSign("capturing CUDA graphs", 23, 51),
    ),
    ("INFO 11-20 19:47:09 [gpu_model_runner.py:6582] Graph capturing finished in 4 secs, took 0.61 GiB", LogSign("capturing CUDA graphs")),
    ("INFO 11-20 19:47:09 [core.py:402] init engine (profile, create kv cache, warmup model) took 0.47 s", LogSign("warming up")),
    ("INFO 11-20 19:47:09 [cpu_model_runner.py:87] Warming up model for the compilation...", LogSign("warming up")),
    (
        "(APIServer pid=1) INFO 11-20 19:47:10 [entry.py:140] Starting vLLM server on http://127.0.0.1:8000",
        LogSign("starting its API server"),
    ),
    ("(APIServer pid=1) INFO:     Application startup complete.", LogSign("starting its API server")),
    ('(APIServer pid=1) INFO:     127.0.0.1:52344 - "GET /health HTTP/1.1" 200 OK', None),
    ("Fetching 12 files:  50%|#####     | 6/12 [00:01<00:01]", LogSign("downloading the model")),
]


@pytest.mark.parametrize(("line", "sign"), LOG)
def test_a_log_line_is_a_sign_of_its_phase(line: str, sign: LogSign | None) -> None:
    assert ENGINE.read_sign(line) == sign
