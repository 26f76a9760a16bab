"""Tells apart why Docker or Compose cannot run a stack, and says what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from slipway.errors import LaunchError, SetupError

# the way out for a machine whose Docker cannot do it
LOCAL_INSTEAD = "RUNTIME=local runs the parts as processes, without Docker"
OLDEST_COMPOSE = (2, 20)

_CONNECTION = (
    (r"Permission denied|PermissionError|EACCES|Errno 13", "this user may not use the Docker engine's socket {address}",
     "sudo usermod -aG docker $USER, then log in again"),
    (r"FileNotFoundError|No such file|Connection refused|ConnectionRefusedError", "no Docker engine answers at {address}",
     "start it: sudo systemctl start docker"),
)  # fmt: skip

_PULL = (
    (r"manifest unknown|not found|no such manifest|does not exist|repository .* not found", "there is no such image or tag",
     "correct its setting in vars.env"),
    (r"unauthorized|denied|authentication required|forbidden", "its registry asks for a login, or there is no such image", "docker login"),
    (r"toomanyrequests|rate limit", "its registry lets no more pulls through for now", "docker login, or wait"),
    (r"no such host|lookup |dial tcp|i/o timeout|connection refused|TLS handshake|network is unreachable|proxyconnect|EOF|"
     r"context deadline|Temporary failure|x509|server misbehaving|Client\.Timeout",
     "its registry cannot be reached", "docs/docker.md says how to bring images along"),
    (r"no space left", "the disk is full", "docker system df shows what Docker holds"),
    (r"no matching manifest|platform", "there is none for this machine's processor", "set the image in vars.env to one there is"),
)  # fmt: skip

# What `docker compose up` prints when a container cannot be made or started.
_START = (
    (r'could not select device driver "?\\?"?nvidia|unknown runtime.*nvidia|nvidia-container-cli|libnvidia-ml|unresolvable CDI devices',
     "Docker cannot hand NVIDIA GPUs to a container",
     "install the NVIDIA Container Toolkit, then: sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker; "
     f"ENGINE_DEVICE=cpu computes without a GPU; {LOCAL_INSTEAD}"),
    (r"/dev/(kfd|dri).*(no such file|not exist)|error gathering device information", "this machine has no AMD GPU's devices to hand to a "
     "container", f"set ENGINE_DEVICE to what it has; {LOCAL_INSTEAD}"),
    (r"port is already allocated|address already in use|ports are not available",
     "a port that the stack publishes is taken", "choose another GATEWAY_PORT, or ENGINE_PORT where PUBLISH_ENGINE=yes"),
    (r"cannot assign requested address", "GATEWAY_HOST is not an address of this machine", "set GATEWAY_HOST=127.0.0.1"),
    (r"could not find an available, non-overlapping IPv4 address pool|all predefined address pools",
     "Docker has no network addresses left", "docker network prune removes unused networks"),
    (r"no space left", "the disk is full", "docker system df shows what Docker holds"),
    (r"is not shared from|mounts denied|bind source path does not exist", "Docker may not mount a folder of this checkout",
     "share the checkout's folder in Docker's settings"),
)  # fmt: skip


def explain_connection(address: str, error: Exception) -> SetupError:
    """Why the engine at `address` does not answer."""
    text = f"{type(error).__name__}: {error!r}"
    for pattern, message, hint in _CONNECTION:
        if re.search(pattern, text):
            return SetupError(message.format(address=address), hint=f"{hint}; {LOCAL_INSTEAD}")
    return SetupError(f"the Docker engine at {address} cannot be used: {error}", hint=LOCAL_INSTEAD)


def explain_pull(image: str, text: str) -> SetupError:
    """Why an image does not come."""
    reason, hint = next(((reason, hint) for pattern, reason, hint in _PULL if re.search(pattern, text, re.IGNORECASE)), ("", ""))
    what = f"the image {image} cannot be pulled" + (f": {reason}" if reason else "")
    return SetupError(f"{what}\n  | {text.strip()}", hint="; ".join(filter(None, (hint, LOCAL_INSTEAD))))


def explain_start(tail: Sequence[str]) -> LaunchError:
    """Why `docker compose up` failed, from its last lines."""
    text = "\n".join(tail)
    shown = "\n".join(f"  | {line}" for line in tail if "level=warning" not in line)
    for pattern, message, hint in _START:
        if re.search(pattern, text, re.IGNORECASE):
            return LaunchError(f"{message}\n{shown}", hint=hint)
    return LaunchError(f"docker compose up failed\n{shown}", hint=f"docs/docker.md; {LOCAL_INSTEAD}")


def check_compose_version(text: str) -> None:
    """Raises SetupError for a Compose that docker-compose.yml is too new for; `text` is what it says of itself."""
    found = re.search(r"(\d+)\.(\d+)", text)
    if not found or (int(found[1]), int(found[2])) < OLDEST_COMPOSE:
        wanted = ".".join(map(str, OLDEST_COMPOSE))
        raise SetupError(
            f"Docker Compose {text.strip()} is too old: docker-compose.yml needs {wanted} or newer",
            hint=f"install the package docker-compose-plugin; {LOCAL_INSTEAD}",
        )


def no_compose(tail: Sequence[str]) -> SetupError:
    """`docker compose version` failed: the command or its plugin is missing."""
    what = "the docker command" if any("No such file" in line for line in tail) else "Docker Compose"
    return SetupError(f"{what} is not installed", hint=f"install the packages docker-ce-cli and docker-compose-plugin; {LOCAL_INSTEAD}")
