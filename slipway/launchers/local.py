"""Runs a plan as processes on this machine, under supervisord."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.configuration import Configuration
from slipway.database import server as postgres
from slipway.engines import ENGINES, build_plan
from slipway.errors import LaunchError, StackError, UsageError
from slipway.hardware import Hardware
from slipway.launchers.base import Access, Reporter, StackStatus
from slipway.launchers.environments import Blueprint, Environment, ensure_environment
from slipway.launchers.leftovers import end_leftovers, find_leftovers, remove_shared_memory
from slipway.launchers.local_environments import engine_blueprint, find_node, gateway_blueprint, prisma_folder
from slipway.launchers.local_files import Programs, local_site, render_local
from slipway.launchers.local_secrets import generated_secret, stack_secrets, write_stack_secrets
from slipway.launchers.lock import exclusive
from slipway.launchers.local_status import read_status
from slipway.launchers.ports import check_port
from slipway.launchers.startup import Watch, look_at_engine
from slipway.launchers.supervisor import Supervisor
from slipway.observe.health import engine_ready, first_answer, gateway_ready
from slipway.observe.progress import cache_folder
from slipway.paths import Paths
from slipway.plan import Plan, Site, check_exposure
from slipway.process import Command, Runner
from slipway.render import RenderedFile, write_files
from slipway.secrets import KNOWN, Secret, read_secrets
from slipway.settings import BY_NAME, is_engine_variable


@dataclass(frozen=True)
class Stack:
    """A plan with everything that a local launch of it needs; making one starts and writes nothing."""

    configuration: Configuration
    plan: Plan
    site: Site
    programs: Programs
    engine: Blueprint
    gateway: Blueprint
    files: tuple[RenderedFile, ...]

    @property
    def database(self) -> postgres.Server | None:
        return self.programs.server


class LocalLauncher:
    """Environments, PostgreSQL, vLLM and LiteLLM as processes; state in `paths.home`, what is rendered in `paths.run`."""

    def __init__(self, paths: Paths, environ: Mapping[str, str], hardware: Hardware, runner: Runner, reporter: Reporter) -> None:
        self._paths, self._environ, self._hardware, self._runner, self._reporter = paths, environ, hardware, runner, reporter
        self._supervisor = Supervisor(paths.run / "supervisor.sock")

    def plan(self, configuration: Configuration, *, external_database: bool) -> Stack:
        """Plan and render. Raises ConfigError."""
        root, envs = self._paths.root, self._paths.environments
        engine, gateway = engine_blueprint(root, self._hardware.device), gateway_blueprint(root)
        gateway_folder = envs / f"gateway-{gateway.digest()}"
        programs = Programs(
            vllm=envs / f"engine-{self._hardware.device}-{engine.digest()}/bin/vllm",
            litellm=gateway_folder / "bin/litellm",
            node=find_node(gateway_folder),
            prisma=prisma_folder(gateway_folder),
            server=None if external_database else self._server(),
        )
        site = local_site(self._paths, programs, configuration.settings.text("GENERATED_CONFIG_DIR"))
        plan = build_plan(configuration, self._hardware, site)
        return Stack(configuration, plan, site, programs, engine, gateway, render_local(plan, site, self._paths, programs))

    def commands(self, stack: Stack) -> list[str]:
        """What a launch runs, for a person to read or repeat; each part's own command is in its script."""
        return [str(Command(self._supervisor_argv())), *(str(Command(("sh", str(file.path)))) for file in stack.files if file.path.suffix == ".sh")]

    def _supervisor_argv(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "supervisor.supervisord", "-c", str(self._paths.run / "supervisord.conf"))

    def external_database(self) -> bool:
        """Whether DATABASE_URL names a PostgreSQL that is not Slipway's. Raises ConfigError."""
        return "DATABASE_URL" in read_secrets(self._paths.root / "secrets", self._environ)

    def _server(self) -> postgres.Server:
        return postgres.Server(postgres.find_programs(), self._paths.data / "postgres", self._paths.sockets)

    def up(self, configuration: Configuration) -> Access:
        with exclusive(self._paths.lock, "a launch"):
            secrets = self._secrets()
            check_exposure(configuration.settings, secrets)
            stack = self.plan(configuration, external_database="DATABASE_URL" in secrets)
            if stack.database:
                secrets["DATABASE_URL"] = stack.database.url(generated_secret(self._paths.data, "DATABASE_PASSWORD"))
            if self._runs_already(stack, secrets):
                return self._access(stack, secrets, changed=False)
            self._check_ports(configuration)
            environment = self._ensure_environments(stack)
            try:
                self._start(stack, secrets, environment)
            except BaseException:
                with _uninterrupted():
                    self._stop()
                raise
            return self._access(stack, secrets, changed=True)

    def _secrets(self) -> dict[str, Secret]:
        return stack_secrets(self._paths.root, self._paths.data, self._environ)

    def _access(self, stack: Stack, secrets: Mapping[str, Secret], *, changed: bool) -> Access:
        key = secrets.get("ANTHROPIC_AUTH_TOKEN", secrets["LITELLM_MASTER_KEY"])
        return Access(stack.plan.gateway.url, key, stack.plan.model, changed)

    def _runs_already(self, stack: Stack, secrets: Mapping[str, Secret]) -> bool:
        folder = self._paths.secrets
        same = all((folder / name).is_file() and (folder / name).read_text() == secret.reveal() for name, secret in secrets.items())
        return same and not _changed_files(stack.files) and self.status().state == "ready"

    def _check_ports(self, configuration: Configuration) -> None:
        own = {process.pid for process in find_leftovers(self._paths.run.glob("*.pid"))}
        check_port(configuration.settings, "GATEWAY_PORT", configuration.settings.text("GATEWAY_HOST"), own)
        check_port(configuration.settings, "ENGINE_PORT", "127.0.0.1", own)

    def _ensure_environments(self, stack: Stack) -> Environment:
        """Build both environments side by side; gives the gateway's."""

        def build(blueprint: Blueprint) -> Environment:
            return ensure_environment(blueprint, self._paths.environments, self._runner, self._reporter)

        with ThreadPoolExecutor(2) as pool:
            builds = [pool.submit(build, blueprint) for blueprint in (stack.engine, stack.gateway)]
            try:
                done, _ = wait(builds, return_when=FIRST_EXCEPTION)
                for build_ in done:
                    build_.result()
            except BaseException:
                self._runner.stop()
                raise
        return builds[1].result()

    def _start(self, stack: Stack, secrets: Mapping[str, Secret], gateway: Environment) -> None:
        stale = self._prepare_run_folder(stack, secrets)
        watch = Watch(self._supervisor, self._paths.logs, stack.configuration.settings.integer("START_STALL_TIMEOUT"))
        for part in ("gateway", "engine"):
            if part in stale:
                self._supervisor.stop(part)
                end_leftovers([self._paths.run / f"{part}.pid"])
        write_files(stack.files)
        model = stack.configuration.recipe.command.model
        with self._reporter.phase("engine") as phase:
            engine = stack.plan.engines[0]
            cache = cache_folder(model, {**self._environ, **engine.env})
            watch.add("engine", look_at_engine(phase, ENGINES[engine.kind].read_sign, cache))
            self._supervisor.start("engine")
            self._start_database(stack, secrets["DATABASE_URL"], gateway, watch)
            with self._reporter.phase("gateway"):
                watch.add("gateway")
                self._supervisor.start("gateway")
                watch.wait("gateway", lambda: gateway_ready(stack.plan.gateway.url))
            watch.wait("engine", lambda: engine_ready(engine.base_url))
        with self._reporter.phase("first answer"):
            self._check_answer(stack, secrets, watch)

    def _prepare_run_folder(self, stack: Stack, secrets: Mapping[str, Secret]) -> Set[str]:
        """Have supervisord run with the right configuration; gives the parts that must be restarted for the new files."""
        run = self._paths.run
        changed = _changed_files(stack.files)
        if not self._supervisor.alive() or changed & {"supervisord.conf", "database.sh"}:
            self._stop()
            run.mkdir(mode=0o711)
            (run / "engine").mkdir(mode=0o700)
            Path(stack.site.generated).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._paths.logs.mkdir(parents=True, exist_ok=True)
            write_stack_secrets(self._paths.secrets, secrets)
            write_files(stack.files)
            self._start_supervisor()
            return frozenset()
        changed |= write_stack_secrets(self._paths.secrets, secrets)
        programs = self._supervisor.programs()
        stale = {name for name, program in programs.items() if not program.running}
        if changed & {"engine.sh", "VLLM_API_KEY", "HF_TOKEN"}:
            stale.add("engine")
        if changed & {"config.yaml", "gateway.sh", "VLLM_API_KEY", "LITELLM_MASTER_KEY", "DATABASE_URL"}:
            stale.add("gateway")
        return stale

    def _start_supervisor(self) -> None:
        # what reaches the parts is what their scripts say, not what this shell happens to hold
        env = {
            name: value
            for name, value in self._environ.items()
            if name not in KNOWN and name not in BY_NAME and not is_engine_variable(name) and name not in ("PYTHONPATH", "VIRTUAL_ENV")
        }
        self._runner.run(Command(self._supervisor_argv(), env=env))
        deadline = time.monotonic() + 10
        while not self._supervisor.alive():
            if time.monotonic() > deadline:
                raise LaunchError("supervisord did not start", hint=f"its log: {self._paths.logs}/supervisord.log")
            time.sleep(0.02)

    def _start_database(self, stack: Stack, url: Secret, gateway: Environment, watch: Watch) -> None:
        from slipway.database.migrations import apply_migrations

        if stack.database:
            with self._reporter.phase("database"):
                password = generated_secret(self._paths.data, "DATABASE_PASSWORD")
                postgres.create_data(stack.database, password, self._runner)
                postgres.prepare_sockets(stack.database)
                watch.add("database")
                self._supervisor.start("database")
                watch.wait("database", lambda: postgres.accepts(url))
                postgres.create_database(url)
        with self._reporter.phase("database schema") as phase:
            folder = next(gateway.folder.glob("lib/python*/site-packages/litellm_proxy_extras/migrations"))

            def on_progress(done: int, total: int, name: str) -> None:
                watch.check()
                phase.update(name, done, total)

            apply_migrations(url.reveal(), folder, on_progress)

    def _check_answer(self, stack: Stack, secrets: Mapping[str, Secret], watch: Watch) -> None:
        """One token through the whole chain, unless the model is none that chats."""
        runner = stack.configuration.recipe.command.flag("--runner")
        if runner and runner.value == "pooling":
            return
        answer = first_answer(stack.plan.gateway.url, secrets["LITELLM_MASTER_KEY"], stack.plan.gateway.routes[-1].name)
        watch.check()
        if not answer.ok:
            raise LaunchError(
                f"the stack is up but does not answer a chat: status {answer.status}: {answer.text[:500]}",
                hint="./runMe.sh logs shows both sides; the logs stay after this launch",
            )

    def down(self, *, volumes: bool = False) -> bool:
        with exclusive(self._paths.lock, "a stop"), _uninterrupted():
            ran = self._stop()
            if volumes and self._paths.data.exists():
                shutil.rmtree(self._paths.data)
                ran = True
            if volumes:
                shutil.rmtree(self._paths.logs, ignore_errors=True)
        return ran

    def _stop(self) -> bool:
        """Stop every part, and leave nothing on the tmpfs."""
        ran = self._supervisor.alive()
        if ran:
            self._supervisor.shutdown()
        run = self._paths.run
        ran = end_leftovers(run.glob("*.pid")) > 0 or ran
        for generated in _generated_files(self._state()):
            generated.unlink(missing_ok=True)
        if run.exists():
            if run.stat().st_uid != os.getuid():
                raise StackError(f"{run} belongs to another user", hint="remove it, or choose another STACK_NAME")
            remove_shared_memory(since=(run / "secrets").stat().st_ctime if (run / "secrets").exists() else time.time())
            shutil.rmtree(run)
        return ran

    def status(self) -> StackStatus:
        return read_status(self._state(), self._supervisor, self._paths.run)

    def _state(self) -> dict[str, Any]:
        """What the running stack noted about itself; empty when none runs."""
        try:
            state = json.loads((self._paths.run / "stack.json").read_text())
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def database_url(self) -> Secret:
        """The URL of the running stack's database. Raises StackError when there is none."""
        path = self._paths.secrets / "DATABASE_URL"
        external = self._secrets().get("DATABASE_URL")
        if path.is_file():
            return Secret(path.read_text())
        if external:
            return external
        raise StackError("nothing runs here, and usage is read from the running database", hint="launch a model first: ./runMe.sh")

    def logs(self, part: str = "", *, follow: bool = False, lines: int = 200) -> Iterator[str]:
        from slipway.observe.logs import read_logs

        known = sorted(path.name.removesuffix(".log") for path in self._paths.logs.glob("*.log"))
        if part and part not in known:
            raise UsageError(f"there is no log of {part!r}", hint=f"parts with a log: {', '.join(known) or 'none yet'}")
        return read_logs({name: self._paths.logs / f"{name}.log" for name in ([part] if part else known)}, lines=lines, follow=follow)


def _changed_files(files: tuple[RenderedFile, ...]) -> set[str]:
    """Names of the rendered files that differ from what is on disk."""
    return {file.path.name for file in files if not file.path.is_file() or file.path.read_text() != file.text}


def _generated_files(state: Mapping[str, Any]) -> list[Path]:
    folder = Path(str(state.get("generated", "")))
    return [folder / name for name in ("models.yml", "config.yaml", "engine.sh")] if folder.is_absolute() else []


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Cleaning up goes on to its end, however often Ctrl-C is pressed."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


