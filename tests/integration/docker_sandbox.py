"""A sandbox whose stack runs in containers; scripts/with_docker.sh provides engine, Compose and the stand-in image."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from slipway.launchers.prisma_client import find_node

from .sandbox import CHECKOUT, ENVIRONMENTS, Sandbox

SERVICES = {"database": "litellm_db", "engine": "vllm-node", "gateway": "litellm"}
_SYSTEM = "/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def docker(*words: str, check: bool = True) -> str:
    """What a docker command prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


def mount_environments(engine: Path, gateway: Path, *, real: bool) -> dict[str, Any]:
    """docker-compose.override.yml: the programs of the local launcher's environments, mounted where they lie."""
    launcher = (ENVIRONMENTS / "launcher").resolve()
    shared = [(launcher / "bin/python").resolve().parents[1], launcher]
    node = find_node(gateway)
    nodes = [] if node.is_relative_to(gateway) else [f"{node}:/usr/local/bin/node:ro"]
    first = "/opt/stand-in" if real else f"{gateway}/bin"

    def mounts(*folders: Path) -> list[str]:
        return [f"{folder}:{folder}:ro" for folder in dict.fromkeys(folders)]

    return {
        "services": {
            "vllm-node": {
                "environment": [f"PATH={engine}/bin:{launcher}/bin:{_SYSTEM}"],
                "volumes": mounts(*shared, engine),
            },
            "litellm": {
                "environment": [
                    f"PATH={first}:{gateway}/bin:{launcher}/bin:{node.parent}:{_SYSTEM}",
                    f"LAUNCHER_PYTHON={launcher}/bin/python",
                    f"GATEWAY_ENVIRONMENT={gateway}",
                ],
                "volumes": [*mounts(*shared, gateway), *nodes],
            },
        }
    }


class DockerSandbox(Sandbox):
    """`real` runs vLLM and LiteLLM themselves, else the fakes."""

    SERVICES = SERVICES

    @classmethod
    def in_copy_of(cls, prototype: Path, scratch: Path) -> DockerSandbox:
        """A sandbox of its own, for longer than one test."""
        root = scratch / secrets.token_hex(4)
        subprocess.run(["cp", "-a", prototype, root], check=True)
        made = cls(root, root / ".slipway", f"t{secrets.token_hex(3)}")
        made.write_settings()
        return made

    def prepare(self, *, real: bool = False) -> None:
        image = os.environ["SLIPWAY_TEST_IMAGE"]
        if real:
            self.patience = 300
            # a link to elsewhere leads nowhere inside a container
            (self.root / "models/demo").unlink(missing_ok=True)
            shutil.copytree(CHECKOUT / "models/demo", self.root / "models/demo")
        self.environ |= {"RUNTIME": "docker"}
        self.environ |= dict.fromkeys(("ENGINE_IMAGE_CPU", "GATEWAY_IMAGE", "DATABASE_IMAGE"), image)
        self.environ |= {name: os.environ[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in os.environ}
        envs = ENVIRONMENTS if real else self.home / "envs"
        engine, gateway = ((max(envs.glob(pattern), key=_made)).resolve() for pattern in ("engine-cpu-*", "gateway-*"))
        override = yaml.safe_dump(mount_environments(engine, gateway, real=real))
        (self.root / "docker-compose.override.yml").write_text(override)

    def inspect(self, part: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(docker("inspect", f"{self.stack}-{SERVICES[part]}-1"))[0]
        return found

    def pid(self, part: str) -> int:
        """The process id of the part's container, which a restart changes; 0 while there is none."""
        name = f"{self.stack}-{SERVICES[part]}-1"
        return int(docker("inspect", "--format", "{{.State.Pid}}", name, check=False) or 0)

    def compose(self, *words: str, env: dict[str, str] | None = None) -> str:
        """Plain `docker compose` in the sandbox's checkout."""
        environ = {**self.environ, "ENGINE_COMPOSE": "compose/cpu.yml", "GATEWAY_PORT": str(self.gateway_port), **(env or {})}
        done = subprocess.run(["docker", "compose", *words], cwd=self.root, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def check_nothing_left(self) -> None:
        """Neither containers nor a network, nor the tmpfs."""
        label = f"label=com.docker.compose.project={self.stack}"
        assert docker("ps", "--all", "--quiet", "--filter", label) == ""
        assert docker("network", "ls", "--quiet", "--filter", label) == ""
        assert f"{self.stack}_generated" not in docker("volume", "ls", "--quiet").splitlines()
        assert self.shared_memory() == []

    def volumes(self) -> list[str]:
        label = f"label=com.docker.compose.project={self.stack}"
        return sorted(name.removeprefix(f"{self.stack}_") for name in docker("volume", "ls", "--quiet", "--filter", label).splitlines())

    def close(self) -> None:
        try:
            super().close()
        finally:
            for container in docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={self.stack}").split():
                docker("rm", "--force", container)


def _made(path: Path) -> float:
    return path.stat().st_mtime
