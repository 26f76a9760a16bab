"""What the Docker engine says about the containers of one stack."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import docker
import docker.errors
import requests

from slipway.launchers.base import Phase, Program
from slipway.launchers.compose_failures import explain_connection, explain_pull

# part -> its service in docker-compose.yml, in the order of a report
SERVICES = {"database": "litellm_db", "engine": "vllm-node", "gateway": "litellm"}
_PARTS = {service: part for part, service in SERVICES.items()}
_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"
_CALL_TIMEOUT = 60  # seconds that the engine may take for one answer


@dataclass(frozen=True)
class Container:
    """One part's container, as it was when it was looked at."""

    id: str
    part: str
    attributes: Mapping[str, Any]

    @property
    def state(self) -> Mapping[str, Any]:
        return self.attributes["State"]  # type: ignore[no-any-return]

    @property
    def running(self) -> bool:
        return bool(self.state["Running"]) and not self.state["Restarting"]

    @property
    def health(self) -> str:
        """starting, healthy or unhealthy."""
        return str((self.state.get("Health") or {}).get("Status", "healthy"))

    @property
    def started(self) -> float:
        """Seconds since the epoch."""
        # Docker gives nanoseconds, and Python reads microseconds
        return datetime.fromisoformat(str(self.state["StartedAt"])[:19] + "+00:00").timestamp()

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.partition("=")[::2] for pair in self.attributes["Config"]["Env"] or ())

    @property
    def published(self) -> dict[int, str]:
        """Port on this machine -> the address it is bound to."""
        bindings = (self.attributes["HostConfig"].get("PortBindings") or {}).values()
        return {int(binding["HostPort"]): binding["HostIp"] for each in bindings for binding in each or () if binding["HostPort"]}

    @property
    def url(self) -> str:
        """Where a client on this machine reaches it; empty for a part without a published port."""
        for port, host in self.published.items():
            reached = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
            return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"
        return ""

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together, as the engine's last health check says; 0 where it does not."""
        log = (self.state.get("Health") or {}).get("Log") or [{}]
        try:
            return int(json.loads(log[-1].get("Output") or "{}").get("context") or 0)
        except ValueError:
            return 0

    @property
    def last_health(self) -> str:
        """What the last failed health check said."""
        log = (self.state.get("Health") or {}).get("Log") or []
        return next((entry["Output"].strip() for entry in reversed(log) if entry["ExitCode"]), "")


class DockerEngine:
    """The engine's side of one stack. Every call raises StackError when the engine has gone away."""

    def __init__(self, client: docker.DockerClient, stack: str) -> None:
        self._client, self._stack = client, stack

    def containers(self) -> dict[str, Container]:
        """Every container of this stack by its part."""
        found = {}
        for summary in self._client.api.containers(all=True, filters={"label": f"{_PROJECT}={self._stack}"}):
            part = _PARTS.get(summary["Labels"].get(_SERVICE, ""))
            try:
                if part:
                    found[part] = Container(summary["Id"], part, self._client.api.inspect_container(summary["Id"]))
            except docker.errors.NotFound:  # removed at this very moment
                continue
        return {part: found[part] for part in SERVICES if part in found}

    def programs(self) -> dict[str, Program]:
        """The containers in the words that a launch watches."""
        return {part: self.program(container) for part, container in self.containers().items()}

    def program(self, container: Container) -> Program:
        state = container.state
        if container.running:
            dead = container.health == "unhealthy"
            text = f"unhealthy: {container.last_health}" if dead else ""
            if not dead and container.attributes["RestartCount"]:
                text = self._how_it_ended(container)
            return Program(container.part, "FATAL" if dead else "RUNNING", state["Pid"], container.started, text)
        name = "STARTING" if state["Status"] == "created" else "EXITED"
        return Program(container.part, name, 0, 0.0, self._how_it_ended(container))

    def _how_it_ended(self, container: Container) -> str:
        """The container's last end; from the engine's events, because a restart wipes it from the state."""
        state = container.state
        killed = bool(state["OOMKilled"])
        status = int(state["ExitCode"])
        if container.attributes["RestartCount"]:
            filters = {"container": container.id, "event": ["die", "oom"]}
            for event in self._client.api.events(since=int(time.time()) - 600, until=int(time.time()) + 1, filters=filters, decode=True):
                killed = killed or event["Action"] == "oom"
                status = int(event["Actor"]["Attributes"].get("exitCode", status))
        if killed:
            return f"exit status {status}: out of memory"
        return f"exit status {status}" + (": killed" if status == 137 else "")

    def memory(self, container: Container) -> int:
        """Bytes, without the file cache that can be given back; as `docker stats` counts."""
        try:
            usage = self._client.api.stats(container.id, stream=False, one_shot=True).get("memory_stats") or {}
        except docker.errors.APIError:
            return 0
        details = usage.get("stats") or {}
        return int(usage.get("usage", 0)) - int(details.get("total_inactive_file", details.get("inactive_file", 0)))

    def log_lines(self, container: Container, *, lines: int | str, follow: bool = False) -> Iterator[str]:
        """The last lines of a container's log, then new ones for as long as it runs, if asked."""
        chunks = self._client.api.logs(container.id, stream=True, follow=follow, tail=lines)
        rest = b""
        for chunk in chunks:
            *whole, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
            yield from (line.decode(errors="replace").rstrip() for line in whole)
        if rest:
            yield rest.decode(errors="replace")

    def run(self, container: Container, argv: Sequence[str]) -> tuple[int, str, str]:
        """Run a command inside a container: exit status, output, errors."""
        status, (output, errors) = self._client.containers.get(container.id).exec_run(list(argv), demux=True)
        return int(status), (output or b"").decode(errors="replace"), (errors or b"").decode(errors="replace")

    def has_image(self, image: str) -> bool:
        try:
            self._client.api.inspect_image(image)
        except docker.errors.ImageNotFound:
            return False
        return True

    def pull(self, image: str, phase: Phase) -> None:
        """Fetch an image from its registry. Raises SetupError."""
        sizes: dict[str, tuple[int, int]] = {}
        # without a tag the engine would fetch every one there is
        name = image if "@" in image or ":" in image.rpartition("/")[2] else f"{image}:latest"
        phase.update(f"pulling {image}")
        try:
            for line in self._client.api.pull(name, stream=True, decode=True):
                if "error" in line:
                    raise explain_pull(image, str(line["error"]))
                detail = line.get("progressDetail") or {}
                if line.get("status") == "Downloading" and detail.get("total"):
                    sizes[line["id"]] = (detail["current"], detail["total"])
                    done, total = (sum(column) >> 20 for column in zip(*sizes.values(), strict=True))
                    phase.update(f"pulling {image}, MiB", done, total)
        except docker.errors.APIError as error:
            raise explain_pull(image, str(error.explanation or error)) from error

    def remove_volume(self, name: str) -> None:
        """Remove the stack's volume of this name, if it is there and nothing uses it."""
        try:
            self._client.api.remove_volume(f"{self._stack}_{name}")
        except docker.errors.APIError:
            return

    def has_volumes(self) -> bool:
        return bool(self._client.api.volumes(filters={"label": f"{_PROJECT}={self._stack}"})["Volumes"])


def connect(address: str, stack: str) -> DockerEngine:
    """The engine at `address`. Raises SetupError that tells why it cannot be used."""
    try:
        client = docker.DockerClient(base_url=address, version="auto", timeout=_CALL_TIMEOUT)
        client.ping()
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise explain_connection(address, error) from error
    return DockerEngine(client, stack)


class ContainerLog:
    """What a container's log has gained since the last look, read ahead by a thread."""

    def __init__(self, engine: DockerEngine, container: Container) -> None:
        self.place = f"the {container.part}'s container"
        self._engine, self._container = engine, container
        self._new: deque[str] = deque()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        try:
            for line in self._engine.log_lines(self._container, lines=0, follow=True):
                self._new.append(line)
        except (docker.errors.DockerException, requests.RequestException, OSError):
            return

    def new_lines(self) -> list[str]:
        lines = []
        while self._new:
            line = self._new.popleft()
            if line.strip():
                lines.append(line)
        return lines

    def last_lines(self, count: int) -> list[str]:
        return [line for line in self._engine.log_lines(self._container, lines=count) if line.strip()]


def follow_logs(engine: DockerEngine, containers: Sequence[Container], *, lines: int, follow: bool) -> Iterator[str]:
    """The last lines of each container, with the part's name in front where there are several; then new ones, if asked."""
    width = max(len(container.part) for container in containers)
    prefix = {container.id: f"{container.part:<{width}} | " if len(containers) > 1 else "" for container in containers}
    opened = [(container, ContainerLog(engine, container)) for container in containers if follow]
    for container in containers:
        for line in engine.log_lines(container, lines=lines):
            yield prefix[container.id] + line
    while opened:
        for container, log in opened:
            for line in log.new_lines():
                yield prefix[container.id] + line
        time.sleep(0.2)
