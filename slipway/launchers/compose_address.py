"""Where the Docker engine listens, and whether it can be used; needs neither its SDK nor a process."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

DEFAULT = "unix:///var/run/docker.sock"
_PATIENCE = 0.5  # seconds


def engine_address(environ: Mapping[str, str]) -> str:
    """DOCKER_HOST, else what the current context of the docker command says, else the usual socket."""
    if environ.get("DOCKER_HOST"):
        return environ["DOCKER_HOST"]
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home()) / ".docker")
    context = environ.get("DOCKER_CONTEXT") or str(_read(folder / "config.json").get("currentContext", ""))
    if context in ("", "default"):
        return DEFAULT
    # https://docs.docker.com/engine/manage-resources/contexts/: one folder per context, named by a digest
    digest = hashlib.sha256(context.encode()).hexdigest()
    meta = _read(folder / f"contexts/meta/{digest}/meta.json")
    endpoints = meta.get("Endpoints")
    endpoint = endpoints.get("docker") if isinstance(endpoints, dict) else None
    return str(endpoint.get("Host") or DEFAULT) if isinstance(endpoint, dict) else DEFAULT


def _read(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


# where the docker command looks for Compose, after the user's own folder:
# https://docs.docker.com/compose/install/linux/#install-the-plugin-manually
_PLUGINS = ("/usr/local/lib/docker", "/usr/local/libexec/docker", "/usr/lib/docker", "/usr/libexec/docker")


def usable(environ: Mapping[str, str]) -> bool:
    """Whether a launch with Docker would get as far as its images: command, Compose and an engine that lets this user in."""
    own = environ.get("DOCKER_CONFIG") or f"{environ.get('HOME') or Path.home()}/.docker"
    compose = any(Path(folder, "cli-plugins/docker-compose").exists() for folder in (own, *_PLUGINS))
    return compose and shutil.which("docker", path=environ.get("PATH")) is not None and answers(engine_address(environ))


def answers(address: str) -> bool:
    """Whether an engine on this machine answers there, and lets this user in."""
    if not address.startswith("unix://"):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(address.removeprefix("unix://"))
            probe.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return probe.recv(12).endswith(b" 200")
        except OSError:
            return False
