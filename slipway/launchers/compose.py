"""Runs a plan as containers: `docker compose` starts and stops them, the engine's API says how they are."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator

from slipway.configuration import Configuration
from slipway.database.query import Fetch, fetch_by_program, fetch_by_url
from slipway.errors import StackError, UsageError
from slipway.launchers.access import read_access
from slipway.launchers.base import Access, PartStatus, Reporter, StackStatus
from slipway.launchers.compose_engine import SERVICES, Container, DockerEngine, connect, follow_logs
from slipway.launchers.compose_failures import check_compose_version, no_compose
from slipway.launchers.compose_plan import ComposeStack, Host, compose_argv, compose_environ, plan_compose
from slipway.launchers.compose_start import ComposeStarter
from slipway.launchers.lock import exclusive, uninterrupted
from slipway.launchers.ports import check_port
from slipway.observe.health import gateway_ready
from slipway.observe.logs import read_logs
from slipway.plan import check_exposure
from slipway.process import Command, ProcessError, Runner
from slipway.secrets import DEFAULT_MASTER_KEY, Secret, read_secrets

_KEPT_LINES = 5000  # of each container's log, when the container goes
_ADDRESSES = {"database": "litellm_db:5432", "engine": "vllm-node:8000"}


class ComposeLauncher:
    """Containers of docker-compose.yml; what is rendered for them lies in `paths.data`, where a restart of the machine finds it."""

    def __init__(self, host: Host, address: str, runner: Runner, reporter: Reporter) -> None:
        self._host, self._paths, self._address, self._runner, self._reporter = host, host.paths, address, runner, reporter

    def up(self, configuration: Configuration) -> Access:
        with exclusive(self._paths.lock, "a launch"):
            user = self._user_secrets()
            check_exposure(configuration.settings, user)
            stack = plan_compose(self._host, configuration, user)
            engine, starter = self._starter()
            if self._runs_already(engine, stack):
                return self._access(engine, changed=False)
            self._check_ports(engine, configuration)
            starter.ensure_images(stack)
            try:
                starter.start(stack, self._secrets())
            except BaseException:
                with uninterrupted():
                    self._remove(engine)
                raise
            return self._access(engine)

    def prepare(self, configuration: Configuration) -> None:
        """Pull and build the images that `up` would. Raises SetupError."""
        _, starter = self._starter()
        starter.ensure_images(plan_compose(self._host, configuration, self._user_secrets()))

    def _starter(self) -> tuple[DockerEngine, ComposeStarter]:
        """Raises SetupError where engine or Compose cannot be used."""
        engine = connect(self._address, self._paths.stack)
        try:
            check_compose_version(self._runner.run(Command(("docker", "compose", "version", "--short")))[-1])
        except ProcessError as error:
            raise no_compose(error.tail) from error
        return engine, ComposeStarter(self._host.environ, self._runner, self._reporter, engine)

    def access(self) -> Access:
        engine = connect(self._address, self._paths.stack)
        status = self._status(engine)
        if status.state == "stopped":
            raise StackError("nothing runs here to connect to", hint="launch a model first: ./runMe.sh")
        if status.state != "ready":
            raise StackError("the stack that runs here is not ready", hint="`./runMe.sh status` says what it is doing")
        return self._access(engine)

    def _access(self, engine: DockerEngine, *, changed: bool = True) -> Access:
        found = engine.containers()
        # a plain `docker compose up` has left no notes
        state = {"model": found["engine"].environment.get("MODEL", ""), "gateway": found["gateway"].url}
        notes = self._paths.data / "compose/stack.json"
        if notes.is_file():
            state |= json.loads(notes.read_text(encoding="utf-8"))
        return read_access(state, self._secrets(), found["engine"].context, changed=changed)

    def _secrets(self) -> dict[str, Secret]:
        return {"LITELLM_MASTER_KEY": Secret(DEFAULT_MASTER_KEY), **self._user_secrets()}

    def _user_secrets(self) -> dict[str, Secret]:
        return read_secrets(self._paths.root / "secrets", self._host.environ)

    def _runs_already(self, engine: DockerEngine, stack: ComposeStack) -> bool:
        if not stack.written() or self._status(engine).state != "ready":
            return False
        found = engine.containers()
        stamps = [found[part].environment.get("STAMP") for part in ("engine", "gateway")]
        images = {SERVICES[part]: container.attributes["Config"]["Image"] for part, container in found.items()}
        return stamps == [stack.variables["ENGINE_STAMP"], stack.variables["GATEWAY_STAMP"]] and images == stack.images

    def _check_ports(self, engine: DockerEngine, configuration: Configuration) -> None:
        """The published ports are free, or this very stack's."""
        settings = configuration.settings
        own = {port for container in engine.containers().values() for port in container.published}
        wanted = [("GATEWAY_PORT", settings.text("GATEWAY_HOST"))]
        if settings.text("PUBLISH_ENGINE") == "yes":
            wanted.append(("ENGINE_PORT", "127.0.0.1"))
        for name, host in wanted:
            if settings.integer(name) not in own:
                check_port(settings, name, host)

    def down(self, *, volumes: bool = False) -> bool:
        engine, _ = self._starter()
        with exclusive(self._paths.lock, "a stop"), uninterrupted():
            ran = bool(engine.containers())
            if ran or (volumes and engine.has_volumes()):
                self._remove(engine, volumes=volumes)
                ran = True
            if volumes:
                for folder in (self._paths.data, self._paths.logs):
                    ran = ran or folder.exists()
                    shutil.rmtree(folder, ignore_errors=True)
        return ran

    def _remove(self, engine: DockerEngine, *, volumes: bool = False) -> None:
        """Containers and network go; their logs are kept as files, and the emptied tmpfs is no volume to keep."""
        self._paths.logs.mkdir(parents=True, exist_ok=True)
        for part, container in engine.containers().items():
            lines = engine.log_lines(container, lines=_KEPT_LINES)
            (self._paths.logs / f"{part}.log").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        words = ("down", "--remove-orphans", *(["--volumes"] if volumes else []))
        argv = compose_argv(self._paths.root, self._paths.stack, (), words)
        try:
            self._runner.run(Command(argv, env=compose_environ(self._host.environ, {})))
        except ProcessError as error:
            raise StackError(f"the containers cannot be removed: {error.message}") from error
        engine.remove_volume("generated")

    def status(self) -> StackStatus:
        return self._status(connect(self._address, self._paths.stack))

    def _status(self, engine: DockerEngine) -> StackStatus:
        found = engine.containers()
        if "engine" not in found:
            return StackStatus("", "docker", ())
        model = found["engine"].environment.get("MODEL", "")
        return StackStatus(model, "docker", tuple(_part(engine, container) for container in found.values()))

    def usage(self) -> Fetch:
        """Asks the running stack's database. Raises StackError when there is none."""
        external = self._user_secrets().get("DATABASE_URL")
        if external:
            return fetch_by_url(external)
        engine = connect(self._address, self._paths.stack)
        container = engine.containers().get("database")
        if not container or not container.running:
            raise StackError("nothing runs here, and usage is read from the running database", hint="launch a model first: ./runMe.sh")

        # the database has no port outside its network: its own psql asks
        return fetch_by_program(lambda sql: engine.run(container, ("psql", "-U", "slipway", "-d", "litellm", "-XAtqc", sql)))

    def logs(self, part: str = "", *, follow: bool = False, lines: int = 200) -> Iterator[str]:
        engine = connect(self._address, self._paths.stack)
        found = engine.containers()
        files = {path.name.removesuffix(".log"): path for path in sorted(self._paths.logs.glob("*.log"))}
        known = list(found) or list(files)
        if part and part not in known:
            raise UsageError(f"there is no log of {part!r}", hint=f"parts with a log: {', '.join(known) or 'none yet'}")
        wanted = [part] if part else known
        if found:
            return follow_logs(engine, [found[name] for name in wanted], lines=lines, follow=follow)
        return read_logs({name: files[name] for name in wanted}, lines=lines, follow=follow)


def _part(engine: DockerEngine, container: Container) -> PartStatus:
    address = container.url or _ADDRESSES.get(container.part, "")
    program = engine.program(container)
    if container.state["Status"] == "exited" and program.description == "exit status 0":
        return PartStatus(container.part, "stopped", address=address)
    if program.dead:
        return PartStatus(container.part, "failed", address=address, detail=program.description)
    ready = container.running and container.health == "healthy"
    if container.part == "gateway" and container.url:
        ready = gateway_ready(container.url)
    return PartStatus(
        part=container.part,
        state="ready" if ready else "starting",
        pid=program.pid,
        address=address,
        uptime=max(0.0, time.time() - program.started) if program.pid else 0.0,
        memory=engine.memory(container),
    )
