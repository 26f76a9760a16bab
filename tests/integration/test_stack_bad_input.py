"""Wrong files and settings: one message that says where, exit 2, nothing started, no traceback."""

from __future__ import annotations

import socket

import psutil
import pytest

from .sandbox import Sandbox

GOOD = "command: |\n  vllm serve tiny/model\n"

# what is wrong -> the model file, and how the message goes on after `error: models/bad.yml:`
MODEL_FILES = {
    "yaml that does not parse": ("command: [vllm\n", ""),
    "a tab": ("command: vllm serve a/b\nenv:\n\tA: x\n", "3: "),
    "a duplicate key": (GOOD + "env: {}\nenv: {}\n", "4: "),
    "an unknown section": (GOOD + "litelm:\n  top_p: 1\n", "3: unknown section `litelm:` (did you mean litellm?)"),
    "a wrong type": (GOOD + "litellm: hot\n", "3: litellm must be a mapping of names to values, not 'hot'"),
    "a size like 12Q": (GOOD + "litellm:\n  max_tokens: 12Q\n", "4: litellm.max_tokens must be a size such as 4096, 128K or 1M, not '12Q'"),
    "no vllm serve": ("command: python -m vllm\n", "1: the command is not one `vllm serve MODEL`"),
    "two vllm serve": ("command: vllm serve a/b && vllm serve c/d\n", "1: '&&' needs a shell"),
    "an unbalanced quote": ("command: |\n  vllm serve a/b\n  --x 'y\n", "3: an unbalanced quote in the command"),
    "an owned flag": (GOOD + "  --port 9999\n", "3: --port 9999 is a flag that Slipway sets itself (remove it; set ENGINE_PORT)"),
    "a key in the command": (GOOD + "  --api-key sk-very-secret\n", "3: --api-key would show a secret in the process list"),
    "a flag twice": (GOOD + "  --seed 1\n  --seed=2\n", "4: --seed=2 is given twice: line 3 has --seed already"),
    "an env value that is no text": (GOOD + "env:\n  A: 1\n", "4: env.A must be text, not 1 (put it in quotes)"),
    "an empty file": ("", "1: "),
    "a list": ("- a\n", "1: "),
}  # fmt: skip


def refuse(sandbox: Sandbox, *words: str, env: dict[str, str] | None = None) -> str:
    """The message of a launch that is refused before it has done anything."""
    before = sorted(path.name for path in sandbox.paths.data.iterdir())
    status, message = sandbox.fail("up", *words, env=env)
    assert status == 2
    assert sandbox.running() == []
    assert sandbox.shared_memory() == []
    assert sorted(path.name for path in sandbox.paths.data.iterdir()) == before
    return message


@pytest.mark.parametrize("what", MODEL_FILES)
def test_a_wrong_model_file_is_refused(sandbox: Sandbox, what: str) -> None:
    text, expected = MODEL_FILES[what]
    expected = f"error: models/bad.yml:{expected}"
    (sandbox.root / "models/bad.yml").write_text(text)
    message = refuse(sandbox, "bad")
    assert message.startswith(expected)
    assert "sk-very-secret" not in message


def test_a_model_file_that_is_not_utf8_is_refused(sandbox: Sandbox) -> None:
    (sandbox.root / "models/bad.yml").write_bytes(b"command: vllm serve a/b\n# \xff\n")
    assert refuse(sandbox, "bad") == "error: models/bad.yml:2: the file is not UTF-8 text\n"


@pytest.mark.parametrize("name", ["../vars", "a/b", "..", ".hidden", "/etc/passwd"])
def test_a_name_that_leaves_the_folder_is_refused(sandbox: Sandbox, name: str) -> None:
    assert refuse(sandbox, name).startswith(f"error: {name!r} cannot be a model name\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("no assignment", "error: vars.local.env:4: not an assignment: 'no assignment'"),
        ("GATEWAY_PROT=1", "error: vars.local.env:4: unknown setting GATEWAY_PROT (did you mean GATEWAY_PORT?)"),
        ("LITELLM_MAX_TOKENS=12Q", "error: vars.local.env:4: LITELLM_MAX_TOKENS must be a size such as 4096, 128K or 1M, not '12Q'"),
        ("HF_TOKEN=hf_x", "error: vars.local.env:4: HF_TOKEN is a secret and does not belong here (put it into secrets/HF_TOKEN)"),
        ("REQUEST_TIMEOUT=soon", "error: vars.local.env:4: REQUEST_TIMEOUT must be a whole number, not 'soon'"),
        ("RUNTIME=podman", "error: vars.local.env:4: RUNTIME must be one of auto, local, docker, not 'podman'"),
        ("GATEWAY_HOST=300.1.1.1", "error: vars.local.env:4: "),
    ],
)
def test_a_wrong_line_in_a_vars_file_is_refused(sandbox: Sandbox, line: str, expected: str) -> None:
    with (sandbox.root / "vars.local.env").open("a") as stream:
        stream.write(line + "\n")
    assert refuse(sandbox, "tiny").startswith(expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-o", "temprature=1"], "error: -o: unknown key temprature (did you mean temperature?)\n"),
        (["-o", "temperature"], "error: -o: 'temperature' is not key=value\n"),
        (["-o", "--port=1"], "error: -o: --port 1 is a flag that Slipway sets itself (remove it; set ENGINE_PORT)\n"),
        (["--xyzzy"], "error: No such option '--xyzzy'.\nhint: ./runMe.sh --help lists the verbs\n"),
    ],
)
def test_a_wrong_option_is_refused(sandbox: Sandbox, words: list[str], expected: str) -> None:
    assert refuse(sandbox, "tiny", *words) == expected


def test_an_unknown_verb_is_refused(sandbox: Sandbox) -> None:
    assert sandbox.fail("staus") == (
        2, "error: there is no verb 'staus' (did you mean status?)\nhint: ./runMe.sh --help lists the verbs\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ("", 0o600, "error: secrets/HF_TOKEN: this secret is empty (write one value into it, or delete the file)\n"),
        ("hf_x", 0o644, "error: secrets/HF_TOKEN: every user of this machine can read this secret (chmod 600 secrets/HF_TOKEN)\n"),
        ("hf_x\nhf_y\n", 0o600, "error: secrets/HF_TOKEN:2: a secret is one line (keep only the value itself)\n"),
    ],
    ids=["empty", "world-readable", "two lines"],
)
def test_a_wrong_secret_is_refused(sandbox: Sandbox, text: str, mode: int, expected: str) -> None:
    sandbox.write_secret("HF_TOKEN", text, mode)
    assert refuse(sandbox, "tiny") == expected


@pytest.mark.parametrize(("name", "line"), [("GATEWAY_PORT", 1), ("ENGINE_PORT", 2)])
def test_a_port_in_use_is_refused_with_the_process_that_has_it(sandbox: Sandbox, name: str, line: int) -> None:
    port = {"GATEWAY_PORT": sandbox.gateway_port, "ENGINE_PORT": sandbox.engine_port}[name]
    me = psutil.Process()
    with socket.create_server(("127.0.0.1", port)):
        assert refuse(sandbox, "tiny") == (
            f"error: vars.local.env:{line}: {name}: port {port} is in use by {me.name()} (process {me.pid})"
            f" (end it, or set {name} to another port)\n"
        )


def test_a_port_that_is_taken_during_a_switch_leaves_the_running_stack_alone(sandbox: Sandbox) -> None:
    sandbox.up("tiny")
    before = sandbox.pids()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, message = sandbox.fail("up", "other", env={"ENGINE_PORT": str(port)})
    assert status == 2
    assert message.startswith(f"error: environment: ENGINE_PORT: port {port} is in use by ")
    assert sandbox.pids() == before
    assert sandbox.chat(model="tiny").ok


def test_an_open_address_with_the_known_key_is_refused(sandbox: Sandbox) -> None:
    sandbox.write_settings(GATEWAY_HOST="0.0.0.0")
    assert refuse(sandbox, "tiny") == (
        "error: vars.local.env:4: GATEWAY_HOST=0.0.0.0 opens the gateway to others, and its key is sk-FAKE"
        " (put a key of your own that starts with sk- into secrets/LITELLM_MASTER_KEY)\n"
    )


def test_an_open_address_with_a_key_of_ones_own_works(sandbox: Sandbox) -> None:
    sandbox.write_settings(GATEWAY_HOST="0.0.0.0")
    sandbox.write_secret("LITELLM_MASTER_KEY", "sk-mine\n")
    sandbox.up()
    assert [sandbox.chat(key=key).status for key in ("sk-mine", "sk-FAKE")] == [200, 401]


NEEDY = "requires:\n  vllm: '>=99'\n  gpus: 2\n  memory: 300GB\n" + GOOD + "variants:\n  fp8: {requires: {memory: 150GB}}\n"


def test_a_model_that_needs_more_than_the_machine_has_is_refused(sandbox: Sandbox) -> None:
    (sandbox.root / "models/bad.yml").write_text(NEEDY)
    assert refuse(sandbox, "bad", "-o", "GPU=h100", "-o", "ENGINE_DEVICE=cuda") == (
        "error: models/bad.yml:2: bad cannot run here: it needs vLLM >=99, and 0.32.0 would run\n"
        "models/bad.yml:3: bad cannot run here: it needs 2 GPUs, and 1 (h100) is here\n"
        "models/bad.yml:4: bad cannot run here: it needs 279 GiB of GPU memory, and 2 x h100 has 158 GiB\n"
        "hint: its other variants, for VARIANT=, are fp8; --force launches it all the same\n"
    )
    assert "it needs a GPU, and none is here" in refuse(sandbox, "bad")


def test_force_launches_it_all_the_same(sandbox: Sandbox) -> None:
    (sandbox.root / "models/bad.yml").write_text(NEEDY)
    assert sandbox.call("up", "bad", "--force").status == 0


def test_an_unknown_variant_is_refused(sandbox: Sandbox) -> None:
    (sandbox.root / "models/bad.yml").write_text(NEEDY)
    message = refuse(sandbox, "bad", env={"VARIANT": "fp4"})
    assert message == "error: environment: VARIANT=fp4: models/bad.yml has no such variant (variants: base, fp8)\n"
