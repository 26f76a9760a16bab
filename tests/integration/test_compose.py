"""docker-compose.yml agrees with the settings, and its containers with the local launcher's parts."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.configuration import read_configuration, read_sources
from slipway.container import SITE, render_containers
from slipway.engines import build_plan
from slipway.gateway.config import ENVIRONMENT
from slipway.hardware import Hardware
from slipway.settings import BY_NAME

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


def test_the_three_services_are_there(compose: dict[str, Any]) -> None:
    assert sorted(compose["services"]) == ["litellm", "litellm_db", "vllm-node"]


def test_every_default_in_the_compose_files_is_the_settings_default() -> None:
    text = "".join(path.read_text() for path in (ROOT / "docker-compose.yml", *(ROOT / "compose").glob("*.yml")))
    found = dict(re.findall(r"\$\{([A-Z_]+):-([^}$]+)\}", text))
    shared = {name: default for name, default in found.items() if name in BY_NAME}

    assert shared == {name: BY_NAME[name].default for name in shared}
    images = {definition.name for definition in BY_NAME.values() if "_IMAGE" in definition.name}
    assert {"MODEL", "STACK_NAME", "GATEWAY_HOST", "GATEWAY_PORT", *images} <= set(shared)


def test_compose_reads_the_settings_of_everyone() -> None:
    assert (ROOT / ".env").readlink() == Path("vars.env")


def test_only_the_gateways_port_is_published_and_on_loopback(compose: dict[str, Any]) -> None:
    ports = {name: service.get("ports") for name, service in compose["services"].items()}

    assert ports == {"vllm-node": None, "litellm_db": None, "litellm": ["${GATEWAY_HOST:-127.0.0.1}:${GATEWAY_PORT:-4000}:4000"]}


def test_every_mounted_path_exists(compose: dict[str, Any]) -> None:
    mounts = {str(volume).partition(":")[0] for service in compose["services"].values() for volume in service["volumes"]}

    assert [path for path in mounts if path.startswith("./") and not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    ("published", "key", "status"), [("0.0.0.0", "", 2), ("0.0.0.0", "sk-own", 0), ("127.0.0.1", "", 0), ("localhost", "sk-FAKE", 0)]
)
def test_the_gateway_container_refuses_the_default_key_beyond_loopback(tmp_path: Path, published: str, key: str, status: int) -> None:
    (tmp_path / "stamp").write_text("demo")
    (tmp_path / "gateway.sh").write_text("echo litellm with $LITELLM_MASTER_KEY\n")
    environ = {
        "PATH": "/usr/bin:/bin",
        "GENERATED_CONFIG_DIR": str(tmp_path),
        "PUBLISHED_ON": published,
        "LITELLM_MASTER_KEY": key,
        "DATABASE_URL": "postgresql://elsewhere/litellm",
        "STAMP": "demo",
    }
    script = ROOT / "scripts/entrypoint_gateway.sh"
    started = subprocess.run(["sh", str(script)], env=environ, capture_output=True, text=True, check=False, timeout=10)

    assert started.returncode == status
    assert (started.stdout == f"litellm with {key or 'sk-FAKE'}\n") == (status == 0)
    assert ("sk-FAKE" in started.stderr) == (status == 2)


def test_the_containers_gateway_gets_the_environment_of_the_local_one_but_for_migrations() -> None:
    configuration = read_configuration(read_sources(ROOT, {}), "demo")
    files = render_containers(build_plan(configuration, Hardware("cpu"), SITE), ROOT / "templates")
    script = next(file.text for file in files if file.path.name == "gateway.sh")
    exported = dict(re.findall(r"^export (\w+)=(.*)$", script, re.MULTILINE))

    assert exported == {
        **{name: shlex.quote(value) for name, value in ENVIRONMENT.items() if name != "DISABLE_SCHEMA_UPDATE"},
        "PYTHONPATH": "/slipway:/slipway/slipway/startup",
    }
    assert script.endswith("exec litellm \\\n  --config /generated/config.yaml \\\n  --host 0.0.0.0 \\\n  --port 4000\n")
