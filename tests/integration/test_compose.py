"""docker-compose.yml agrees with the settings, and Compose accepts it where there is a Compose."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.gateway.config import ENVIRONMENT
from slipway.settings import BY_NAME

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


def test_the_three_services_are_there(compose: dict[str, Any]) -> None:
    assert sorted(compose["services"]) == ["litellm", "litellm_db", "vllm-node"]


def test_every_default_in_the_compose_file_is_the_settings_default(compose: dict[str, Any]) -> None:
    found = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text()))
    shared = {name: default for name, default in found.items() if name in BY_NAME and name != "ENGINE_DEVICE"}

    assert shared == {name: BY_NAME[name].default for name in shared}
    assert {"MODEL", "STACK_NAME", "GATEWAY_HOST", "GATEWAY_PORT", "ENGINE_IMAGE", "GATEWAY_IMAGE", "DATABASE_IMAGE"} <= set(shared)


def test_the_gateways_hooks_are_those_of_the_local_gateway(compose: dict[str, Any]) -> None:
    environment = compose["services"]["litellm"]["environment"]

    assert {name: environment[name] for name in ENVIRONMENT if name != "DISABLE_SCHEMA_UPDATE"} == {
        name: value for name, value in ENVIRONMENT.items() if name != "DISABLE_SCHEMA_UPDATE"
    }


def test_only_the_gateways_port_is_published_and_on_loopback(compose: dict[str, Any]) -> None:
    ports = {name: service.get("ports") for name, service in compose["services"].items()}

    assert ports == {"vllm-node": None, "litellm_db": None, "litellm": ["${GATEWAY_HOST:-127.0.0.1}:${GATEWAY_PORT:-4000}:4000"]}


def test_every_mounted_path_exists(compose: dict[str, Any]) -> None:
    mounts = {str(volume).partition(":")[0] for service in compose["services"].values() for volume in service["volumes"]}

    assert [path for path in mounts if path.startswith("./") and not (ROOT / path).exists()] == []


def test_compose_accepts_the_file() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("there is no Docker Compose on this machine")
    checked = subprocess.run(["docker", "compose", "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("published", "key", "status"), [("0.0.0.0", "", 2), ("0.0.0.0", "sk-own", 0), ("127.0.0.1", "", 0), ("localhost", "sk-FAKE", 0)]
)
def test_the_gateway_container_refuses_the_default_key_beyond_loopback(tmp_path: Path, published: str, key: str, status: int) -> None:
    (tmp_path / "config.yaml").write_text("model_list: []\n")
    (tmp_path / "litellm").write_text("#!/bin/sh\necho litellm with $LITELLM_MASTER_KEY\n")
    (tmp_path / "litellm").chmod(0o755)
    environ = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "GENERATED_CONFIG_DIR": str(tmp_path),
        "PUBLISHED_ON": published,
        "LITELLM_MASTER_KEY": key,
    }
    script = ROOT / "scripts/entrypoint_gateway.sh"
    started = subprocess.run(["sh", str(script)], env=environ, capture_output=True, text=True, check=False, timeout=10)

    assert started.returncode == status
    assert (started.stdout == f"litellm with {key or 'sk-FAKE'}\n") == (status == 0)
    assert ("sk-FAKE" in started.stderr) == (status == 2)
