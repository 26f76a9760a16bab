"""What a launch with Docker asks Compose for: devices, images, mounts, and when a part is started anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.configuration import Configuration, read_configuration, read_sources
from slipway.container import NOTE, read_note, settled
from slipway.errors import ConfigError
from slipway.hardware import Hardware
from slipway.launchers.compose_images import derived_image, dockerfile
from slipway.launchers.compose_plan import ComposeStack, Host, compose_environ, plan_compose
from slipway.layers import read_overrides
from slipway.paths import Paths
from slipway.secrets import Secret

ROOT = Path(__file__).parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("compose", "templates", "vars.env"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "models").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "models/m.yml").write_text("command: vllm serve a/b -tp 2\n")
    return tmp_path


def plan(
    checkout: Path, *pairs: str, device: str = "cuda", environ: Mapping[str, str] | None = None, secrets: Mapping[str, Secret] | None = None
) -> ComposeStack:
    environ = {"HOME": "/home/me", **(environ or {})}
    hardware = Hardware(device)
    sources = replace(read_sources(checkout, environ, ["MODEL=m", *pairs]), detect=lambda wish: hardware)
    paths = Paths(checkout, checkout / ".slipway", checkout / "run", "slipway")
    return plan_compose(Host(paths, environ, hardware, sources), read_configuration(sources), secrets or {})


def engine(stack: ComposeStack) -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load(stack.files[0].text)["services"]["engine"]
    return service


def devices(stack: ComposeStack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = engine(stack)["deploy"]["resources"]["reservations"]["devices"]
    return found


def test_nvidia_gpus_are_reserved_by_number_or_by_id(checkout: Path) -> None:
    wanted = {"driver": "nvidia", "capabilities": ["gpu"]}
    assert devices(plan(checkout)) == [{**wanted, "count": 2}]
    assert devices(plan(checkout, "--tensor-parallel-size=4")) == [{**wanted, "count": 4}]
    assert devices(plan(checkout, "GPUS=1,3")) == [{**wanted, "device_ids": ["1", "3"]}]


@pytest.mark.parametrize(
    ("device", "image", "keys"),
    [
        ("cuda", "vllm/vllm-openai:v0.32.0", ["image", "environment", "shm_size", "deploy", "volumes"]),
        (
            "rocm", "vllm/vllm-openai-rocm:v0.32.0",
            ["image", "environment", "shm_size", "devices", "group_add", "cap_add", "security_opt", "volumes"],
        ),
        ("cpu", "vllm/vllm-openai-cpu:v0.32.0", ["image", "environment", "shm_size", "cap_add", "volumes"]),
    ],
)  # fmt: skip
def test_each_device_has_its_image_and_its_access(checkout: Path, device: str, image: str, keys: list[str]) -> None:
    service = engine(plan(checkout, device=device))
    assert (service["image"], list(service), service["environment"]) == (image, keys, [f"ENGINE_DEVICE={device}"])


def test_the_log_of_every_container_is_bounded() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    bounded = {"driver": "json-file", "options": {"max-size": "20m", "max-file": "5"}}
    assert {name: service["logging"] for name, service in services.items()} == dict.fromkeys(
        ("vllm-node", "litellm", "litellm_db"), bounded
    )


def test_amd_gpus_are_chosen_by_a_variable(checkout: Path) -> None:
    assert engine(plan(checkout, "GPUS=0,2", device="rocm"))["environment"] == ["ENGINE_DEVICE=rocm", "HIP_VISIBLE_DEVICES=0,2"]


def test_models_of_this_machine_are_mounted(checkout: Path) -> None:
    (checkout / "models/m.yml").write_text("command: vllm serve /data/model\n")
    stack = plan(checkout, environ={"HF_HOME": "/cache", "HF_HUB_CACHE": "/hub"})
    assert stack.variables["HF_HOME"] == "/cache"
    assert engine(stack)["volumes"] == [
        f"{checkout}/.slipway/data/slipway/compose/launch:/slipway/launch:ro",
        "/hub:/root/.cache/huggingface/hub",
        "/data/model:/data/model:ro",
    ]
    assert {name: value for name, value in stack.plan.engines[0].env.items() if name.startswith("HF_")} == {
        "HF_HOME": "/root/.cache/huggingface", "HF_HUB_CACHE": "/root/.cache/huggingface/hub",
    }  # fmt: skip


def test_the_engines_port_is_published_on_loopback_only_if_asked(checkout: Path) -> None:
    assert "ports" not in engine(plan(checkout))
    assert engine(plan(checkout, "PUBLISH_ENGINE=yes", "ENGINE_PORT=8100"))["ports"] == ["127.0.0.1:8100:8000"]


def values(configuration: Configuration) -> dict[str, object]:
    return {name: item.value for name, item in configuration.settings.items.items()}


def stamps(stack: ComposeStack) -> tuple[str, str]:
    return stack.variables["ENGINE_STAMP"], stack.variables["GATEWAY_STAMP"]


def test_a_part_is_started_anew_by_what_it_reads_and_nothing_else(checkout: Path) -> None:
    before = stamps(plan(checkout))
    assert stamps(plan(checkout, "START_STALL_TIMEOUT=5")) == before
    sampling = stamps(plan(checkout, "temperature=0.1"))
    assert (sampling[0] == before[0], sampling[1] == before[1]) == (True, False)
    flag = stamps(plan(checkout, "--max-num-seqs=3"))
    assert (flag[0] == before[0], flag[1] == before[1]) == (False, True)
    (checkout / "secrets/LITELLM_MASTER_KEY").write_text("sk-one")
    secret = stamps(plan(checkout, secrets={"LITELLM_MASTER_KEY": Secret("sk-one")}))
    assert (secret[0] == before[0], secret[1] == before[1]) == (True, False)


def test_a_database_elsewhere_leaves_the_stacks_own_out(checkout: Path) -> None:
    stack = plan(checkout, secrets={"DATABASE_URL": Secret("postgresql://me:s3cr3t@db/x")})
    assert "litellm_db" not in stack.images
    assert yaml.safe_load(stack.files[-1].text) == {"services": {"litellm_db": {"profiles": ["own-database"]}}}
    assert str(stack.files[-1].path) in stack.up_command().argv
    assert "s3cr3t" not in "".join(file.text for file in (*stack.files, *stack.generated))


def test_the_containers_resolve_what_the_launch_has_resolved(checkout: Path, tmp_path: Path) -> None:
    (checkout / "vars.local.env").write_text("LITELLM_TOP_K=7\nVLLM_LOGGING_LEVEL=DEBUG\n")
    stack = plan(checkout, "temperature=0.1", "--max-num-seqs=3", environ={"MAX_PARALLEL_REQUESTS": "3"})
    note = next(file for file in stack.files if file.path.match(f"*/{NOTE}"))
    path = tmp_path / "note.json"
    path.write_text(note.text)
    found = read_note(path, checkout / "models")
    assert found is not None
    assert found.stamp == stack.variables["GATEWAY_STAMP"]
    assert found.sources.hardware == Hardware("cuda")
    resolved = read_configuration(found.sources)
    assert resolved.recipe == stack.configuration.recipe
    assert values(resolved) == values(stack.configuration) | {"VARIANT": "base"}


def test_what_a_launch_chose_by_itself_is_what_the_containers_use(checkout: Path) -> None:
    (checkout / "models/m.yml").write_text("command: vllm serve a/b\nvariants:\n  small:\n    model: a/c\n")
    hardware = Hardware("cuda")
    sources = replace(read_sources(checkout, {}, ["MODEL=m"]), detect=lambda wish: hardware, judge=lambda known, tried: 1.0)
    fitted = read_configuration(replace(sources, strong=(*sources.strong, read_overrides(["VARIANT=small", "--max-model-len=auto"]))))
    resolved = read_configuration(settled(sources, fitted))
    assert (resolved.recipe.command.model, resolved.settings.text("--max-model-len")) == ("a/c", "auto")
    assert values(resolved) == values(fitted)


def test_no_note_is_none(tmp_path: Path) -> None:
    assert read_note(tmp_path / "note.json", tmp_path) is None


def test_capitals_in_a_stacks_name_are_refused(checkout: Path) -> None:
    sources = read_sources(checkout, {"STACK_NAME": "Mine"}, ["MODEL=m"])
    host = Host(Paths(checkout, checkout, checkout, "Mine"), {}, Hardware("cpu"), replace(sources, detect=lambda wish: Hardware("cpu")))
    with pytest.raises(ConfigError) as caught:
        plan_compose(host, read_configuration(host.sources), {})
    assert caught.value.message == "environment: STACK_NAME: Mine has capitals, which Compose does not take"


def test_composes_environment_has_the_launchs_variables_and_not_those_that_would_change_them() -> None:
    environ = {"PATH": "/bin", "COMPOSE_FILE": "x.yml", "GATEWAY_PORT": "1", "HF_TOKEN": "hf", "ENGINE_IMAGE": "y"}
    assert compose_environ(environ, {"GATEWAY_PORT": "2"}) == {"PATH": "/bin", "HF_TOKEN": "hf", "GATEWAY_PORT": "2"}


def test_a_derived_images_name_follows_from_base_and_packages_in_any_order() -> None:
    name = derived_image("base:1", ["b", "a"])
    assert name == derived_image("base:1", ["a", "b"])
    assert len({name, derived_image("base:2", ["a", "b"]), derived_image("base:1", ["a"]), derived_image("base:1", [])}) == 4
    assert derived_image("base:1", []) == "base:1"
    assert dockerfile("base:1", ["b>=2", "a"]) == (
        "FROM base:1\n"
        "RUN if command -v uv; then uv pip install --system a 'b>=2'; else python3 -m pip install --no-cache-dir a 'b>=2'; fi\n"
    )  # fmt: skip


def test_what_the_launch_notes_for_clients(checkout: Path) -> None:
    stack = plan(checkout)
    text = next(file.text for file in stack.files if file.path.name == "stack.json")
    assert json.loads(text) == {"model": "m", "max_tokens": 131072, "tools": False, "gateway": "http://127.0.0.1:4000"}
