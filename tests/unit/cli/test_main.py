"""The one boundary: every error becomes a message, a hint and an exit code, and no traceback reaches a user."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from slipway.cli.main import VERBS
from slipway.errors import ConfigError, LaunchError, Problem, SlipwayError, UsageError
from tests.unit.cli.conftest import ROOT, Say


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """main() takes signals over, but none that a background job ignores; give them back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Makes `boom` a verb that does what the test says."""

    def make(action: Callable[[], object]) -> None:
        module = ModuleType("slipway.cli.boom")
        module.command = click.Command("boom", callback=action)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "slipway.cli.boom", module)
        monkeypatch.setitem(VERBS, "boom", "a verb of this test")

    return make


def fail(error: BaseException) -> Callable[[], object]:
    def action() -> object:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (LaunchError("the engine died", hint="look at the log"), 1, "error: the engine died\nhint: look at the log\n"),
        (UsageError("there is no such thing"), 2, "error: there is no such thing\n"),
        (ConfigError([Problem("b", 2, "wrong"), Problem("a", 1, "bad", "fix it")]), 2, "error: a:1: bad (fix it)\nb:2: wrong\n"),
        (SlipwayError("own code", exit_code=9), 9, "error: own code\n"),
        (KeyboardInterrupt(), 130, "\nerror: interrupted\n"),  # the line feed ends the line where the terminal shows ^C
        (click.Abort(), 130, "error: interrupted\n"),
        (click.exceptions.Exit(3), 3, ""),
    ],
)
def test_each_error_has_its_message_and_exit_code(
    run: Callable[..., Say], verb: Callable[[Callable[[], object]], None], error: BaseException, status: int, text: str
) -> None:
    verb(fail(error))
    assert run("boom") == (status, "", text)


def test_a_verb_that_succeeds_exits_with_0(run: Callable[..., Say], verb: Callable[[Callable[[], object]], None]) -> None:
    verb(lambda: click.echo("done"))
    assert run("boom") == (0, "done\n", "")


@pytest.mark.parametrize("error", [ValueError("oops"), RecursionError(), AssertionError("x"), OSError(28, "No space left on device")])
def test_an_error_in_slipway_itself_goes_to_a_file_and_not_to_the_screen(
    run: Callable[..., Say],
    verb: Callable[[Callable[[], object]], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    verb(fail(error))
    status, out, err = run("boom")
    [log] = tmp_path.iterdir()
    assert (status, out) == (70, "")
    assert err == f"error: an error in Slipway itself; its details are in {log}\nhint: please report it with that file\n"
    assert log.read_text().startswith("Traceback (most recent call last):\n")
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_end_is_the_same_as_ctrl_c(
    run: Callable[..., Say], verb: Callable[[Callable[[], object]], None], number: signal.Signals
) -> None:
    verb(lambda: signal.raise_signal(number))
    assert run("boom") == (130, "", "\nerror: interrupted\n")


LIST = "hint: ./runMe.sh --help lists the verbs\n"


def test_a_signal_that_comes_while_a_dataclass_is_made_exits_with_130_too(tmp_path: Path) -> None:
    # in code that is a string, as dataclasses make it when a module is imported, Python takes note of a KeyboardInterrupt, and
    # ends itself with SIGINT at its exit even where somebody has caught it
    (tmp_path / "interrupted.py").write_text(
        "from slipway.cli import main\nmain.cli.main = lambda **_: exec('import os; os.kill(os.getpid(), 15)')\nmain.main(['status'])\n"
    )
    argv = [sys.executable, "-m", "interrupted"]
    ended = subprocess.run(argv, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (130, "error: interrupted\n")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("stat",), f"error: there is no verb 'stat' (did you mean status?)\n{LIST}"),
        (("xyz",), f"error: there is no verb 'xyz' (verbs: {', '.join(VERBS)})\n{LIST}"),
        (("status", "--nope"), f"error: No such option '--nope'.\n{LIST}"),
        (("up", "a", "b"), f"error: Got unexpected extra argument (b)\n{LIST}"),
        (("logs", "-n", "-5"), f"error: Invalid value for '-n' / '--lines': -5 is not in the range x>=0.\n{LIST}"),
    ],
)
def test_a_command_line_that_makes_no_sense_exits_with_2(run: Callable[..., Say], words: tuple[str, ...], text: str) -> None:
    assert run(*words) == (2, "", text)


ARGUMENTS = {"explain": ["demo"], "import": ["x.yaml"], "new": ["./models/demo"]}


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_takes_an_override_and_says_what_is_wrong_with_it(checkout: Path, run: Callable[..., Say], name: str) -> None:
    said = "error: -o: unknown key GATEWAY_PRT (did you mean GATEWAY_PORT?)\n"
    assert run(name, *ARGUMENTS.get(name, []), "-o", "GATEWAY_PRT=4") == (2, "", said)


def test_help_and_version_exit_with_0(run: Callable[..., Say]) -> None:
    assert run("--version") == (0, "slipway, version 0.1.0\n", "")
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    assert [name for name in VERBS if f"\n  {name} " not in out] == []


def test_every_verb_has_its_help(run: Callable[..., Say]) -> None:
    for name in VERBS:
        status, out, err = run(name, "--help")
        assert (status, out.startswith(f"Usage: slipway {name} "), err) == (0, True, "")


COMMAND = "command: vllm serve a/b\n"
BAD_INPUT = {
    "YAML that does not parse": (
        {"models/demo.yml": "a: {b\n"},
        "models/demo.yml:1: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'",
    ),
    "a tab": ({"models/demo.yml": COMMAND + "env:\n\tA: b\n"}, "models/demo.yml:3: YAML forbids tabs in indentation (use spaces)"),
    "a duplicate key": ({"models/demo.yml": COMMAND + COMMAND}, "models/demo.yml:2: duplicate key 'command': line 1 has it already"),
    "an unknown section": (
        {"models/demo.yml": COMMAND + "litelm: {}\n"},
        "models/demo.yml:2: unknown section `litelm:` (did you mean litellm?)",
    ),
    "a wrong type": ({"models/demo.yml": COMMAND + "env: 7\n"}, "models/demo.yml:2: env must be a mapping of names to values, not 7"),
    "a size like 12Q": (
        {"models/demo.yml": COMMAND + "litellm:\n  max_tokens: 12Q\n"},
        "models/demo.yml:3: litellm.max_tokens must be a size such as 4096, 128K or 1M, not '12Q'",
    ),
    "another command": (
        {"models/demo.yml": "command: ollama run x\n"},
        "models/demo.yml:1: the command is not one `vllm serve MODEL` (it must start with `vllm serve`)",
    ),
    "an unbalanced quote": (
        {"models/demo.yml": "command: |\n  vllm serve a/b\n  --x 'y\n"},
        "models/demo.yml:3: an unbalanced quote in the command",
    ),
    "a flag that Slipway owns": (
        {"models/demo.yml": "command: |\n  vllm serve a/b\n  --port 9\n"},
        "models/demo.yml:3: --port 9 is a flag that Slipway sets itself (remove it; set ENGINE_PORT)",
    ),
    "a flag twice": (
        {"models/demo.yml": "command: vllm serve a/b --seed 1 --seed 2\n"},
        "models/demo.yml:1: --seed is given twice: line 1 has --seed already",
    ),
    "env that is no text": (
        {"models/demo.yml": COMMAND + "env:\n  A: 1\n"},
        "models/demo.yml:3: env.A must be text, not 1 (put it in quotes)",
    ),
    "no assignment": (
        {"vars.env": "MODEL=demo\nthis is no assignment\n"},
        "vars.env:2: not an assignment: 'this is no assignment' (write NAME=value, or # in front of a comment)",
    ),
}


@pytest.mark.parametrize(("files", "message"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_input_is_one_message_with_file_and_line_and_exit_2(
    checkout: Path, run: Callable[..., Say], files: dict[str, str], message: str
) -> None:
    for name, text in files.items():
        (checkout / name).write_text(text)
    before = sorted(checkout.rglob("*"))
    assert run("check", "demo") == (2, "", f"error: {message}\n")
    assert sorted(checkout.rglob("*")) == before


def test_check_names_the_mistakes_of_a_command_beside_those_of_the_file(checkout: Path, run: Callable[..., Say]) -> None:
    (checkout / "models/demo.yml").write_text("command: vllm serve a/b --kv-cache-dtpye fp8 --seed x\nlitellm: {top_p: 3}\n")
    assert run("check") == (2, "", (
        "error: models/demo.yml:1: --seed must be a whole number, not 'x'\n"
        "models/demo.yml:1: vLLM 0.32.0 has no flag --kv-cache-dtpye (did you mean --kv-cache-dtype?)\n"
        "models/demo.yml:2: litellm.top_p must be between 0.001 and 1, not 3\n"
    ))  # fmt: skip


@pytest.mark.parametrize("name", ["../demo", "a/b", "..", "/etc/passwd"])
@pytest.mark.parametrize("verb_", ["up", "render"])
def test_a_name_with_a_slash_or_dots_is_refused(checkout: Path, run: Callable[..., Say], name: str, verb_: str) -> None:
    before = sorted(checkout.rglob("*"))
    hint = "hint: a name is letters, digits, '.', '_' and '-': the file models/NAME.yml\n"
    assert run(verb_, name) == (2, "", f"error: {name!r} cannot be a model name\n{hint}")
    assert sorted(checkout.rglob("*")) == before


def test_a_foreign_address_with_the_default_key_is_refused_before_anything_starts(checkout: Path, run: Callable[..., Say]) -> None:
    (checkout / "vars.env").write_text("MODEL=demo\nRUNTIME=local\nGATEWAY_HOST=0.0.0.0\n")
    status, out, err = run("up")
    assert (status, out) == (2, "")
    assert err == (
        "error: vars.env:3: GATEWAY_HOST=0.0.0.0 opens the gateway to others, and its key is sk-FAKE "
        "(put a key of your own that starts with sk- into secrets/LITELLM_MASTER_KEY)\n"
    )


def test_an_empty_secret_is_refused_before_anything_starts(checkout: Path, run: Callable[..., Say]) -> None:
    (checkout / "vars.env").write_text("MODEL=demo\nRUNTIME=local\n")
    (checkout / "secrets").mkdir()
    (checkout / "secrets/HF_TOKEN").touch(mode=0o600)
    assert run("up") == (2, "", "error: secrets/HF_TOKEN: this secret is empty (write one value into it, or delete the file)\n")


def test_check_says_that_all_is_well(checkout: Path, run: Callable[..., Say]) -> None:
    assert run("check") == (0, "1 model file: no problems\n", "")


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (
            ["temperature"],
            "routes\n"
            "  temperature  0.5                                           -o\n"
            "               over 0.6 (vars.env:2), 0.7 (built-in default)\n",
        ),
        (
            ["--diff-o", "temperature=0.6", "--diff-o", "--seed=1"],
            "engine command\n"
            "  --seed\n"
            "    + 1                                             -o\n"
            "\n"
            "routes\n"
            "  temperature\n"
            "    - 0.5                                           -o\n"
            "    + 0.6                                           -o\n",
        ),
        (["--diff-o", "temperature=0.5"], "no difference\n"),
        (
            ["--json", "LITELLM_TEMPERATURE"],
            '[\n  {\n    "group": "routes",\n    "key": "temperature",\n    "value": "0.5",\n    "source": "-o",\n    "why": "",\n'
            '    "shadowed": [\n      {\n        "value": "0.6",\n        "source": "vars.env:2"\n      },\n'
            '      {\n        "value": "0.7",\n        "source": "built-in default"\n      }\n    ],\n'
            '    "setting": "LITELLM_TEMPERATURE"\n  }\n]\n',
        ),
    ],
)
def test_explain_shows_origins_and_differences(checkout: Path, run: Callable[..., Say], words: list[str], out: str) -> None:
    (checkout / "vars.env").write_text("MODEL=demo\nLITELLM_TEMPERATURE=0.6\n")
    assert run("explain", "demo", "-o", "temperature=0.5", *words) == (0, out, "")


def test_explain_plans_as_the_launcher_that_would_run(checkout: Path, run: Callable[..., Say]) -> None:
    (checkout / "compose").symlink_to(ROOT / "compose")
    (checkout / "models/demo.yml").write_text("command: vllm serve ./models/demo\nimage: own/vllm:v0.27.1\n")
    docker = ("-o", "RUNTIME=docker", "-o", "ENGINE_DEVICE=cpu")
    assert run("explain", "demo", "--host", *docker)[1] == (
        "engine command\n  --host  0.0.0.0                                       Slipway  "
        "the address where gateway and health checks look for the engine\n"
    )
    assert run("explain", "demo", "vLLM", *docker)[1] == "model\n  vLLM  0.27.1                                        models/demo.yml:2\n"
    assert run("explain", "demo", "DISABLE_SCHEMA_UPDATE", *docker)[0] == 2
    assert run("explain", "demo", "--host", "-o", "RUNTIME=local")[1].split()[3] == "127.0.0.1"


def test_explain_shows_what_a_config_file_says(checkout: Path, run: Callable[..., Say]) -> None:
    (checkout / "engine.yaml").write_text("seed: 7\n")
    (checkout / "models/demo.yml").write_text("command: vllm serve ./models/demo --config engine.yaml\n")
    assert run("explain", "demo", "--seed") == (
        0,
        "engine command\n  --seed  7                                             engine.yaml:1\n",
        "",
    )


def test_a_model_with_extra_packages_is_refused_without_docker(checkout: Path, run: Callable[..., Say]) -> None:
    (checkout / "models/demo.yml").write_text("command: vllm serve ./models/demo\nextra_packages: [x]\n")
    said = "error: models/demo.yml:2: extra_packages needs RUNTIME=docker: it adds them to the engine's image\n"
    for verb_ in ("up", "render", "prepare"):
        assert run(verb_, "demo", "-o", "RUNTIME=local") == (2, "", said)


def test_explain_takes_a_flag_as_its_key(checkout: Path, run: Callable[..., Say]) -> None:
    status, out, err = run("explain", "demo", "--max-num-seqs")
    assert (status, out, err) == (
        0,
        "engine command\n  --max-num-seqs  (none)                                        default of vLLM 0.32.0  "
        "not given; it takes a whole number\n",
        "",
    )


def test_explain_wants_the_model_in_front_of_a_flag(checkout: Path, run: Callable[..., Say]) -> None:
    assert run("explain", "--seed") == (2, "", "error: --seed is no model\nhint: the model comes first: ./runMe.sh explain demo --seed\n")


def test_models_lists_what_can_be_launched(checkout: Path, run: Callable[..., Say]) -> None:
    (checkout / "models/bad.yml").write_text("command: ls\n")
    status, out, err = run("models")
    assert (status, out) == (0, "name  model          variants  profiles  what it is\ndemo  ./models/demo                      A toy\n")
    assert err == "\nmodel files have problems, 1 in all: ./runMe.sh check\n"


def test_the_models_of_this_checkout_have_no_problems(run: Callable[..., Say]) -> None:
    count = len(list((ROOT / "models").glob("*.yml")))
    assert run("check") == (0, f"{count} model files: no problems\n", "")


def test_import_writes_a_model_file_says_what_is_missing_and_replaces_none(checkout: Path, run: Callable[..., Say], tmp_path: Path) -> None:
    recipe = tmp_path / "tern.yaml"
    recipe.write_text("model: harbour/Tern\ncontainer: x\ncommand: vllm serve harbour/Tern\n")
    assert run("import", str(recipe)) == (
        0,
        f"wrote models/tern.yml\n\nnot carried over:\n  {recipe}:2: container: no image of a registry; choose the engine's image with `image:` or ENGINE_IMAGE\n\n"
        "Read it, then: ./runMe.sh check tern\n",
        "",
    )
    written = (checkout / "models/tern.yml").read_text()
    assert run("check", "tern") == (0, "1 model file: no problems\n", "")
    status, out, err = run("import", str(recipe))
    assert (status, out) == (2, "")
    assert err == "error: models/tern.yml is there already\nhint: give the new file another name: --name NAME\n"
    assert (checkout / "models/tern.yml").read_text() == written
    assert run("import", str(recipe), "--name", "other")[1].startswith("wrote models/other.yml\n")
    assert run("import", str(recipe), "--name", "../other")[2].startswith("error: '../other' cannot be a model name\n")


def test_new_writes_a_model_file_from_a_folder_and_replaces_none(checkout: Path, run: Callable[..., Say]) -> None:
    folder = ROOT / "models/demo"
    assert run("new", str(folder), "--name", "toy") == (
        0,
        f"wrote models/toy.yml from {folder}\n\nIts comments say what was read and what was guessed. Read it, then: ./runMe.sh check toy\n",
        "",
    )
    assert run("check", "toy") == (0, "1 model file: no problems\n", "")
    written = (checkout / "models/toy.yml").read_text()
    assert run("new", str(folder), "--name", "toy")[0] == 2
    assert (checkout / "models/toy.yml").read_text() == written
