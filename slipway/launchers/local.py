"""Runs a plan as processes on this machine, under supervisord."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from slipway.configuration import Configuration
from slipway.database.query import Fetch, fetch_by_url
from slipway.errors import StackError, UsageError
from slipway.hardware import Hardware
from slipway.launchers.access import read_access, read_secrets_of
from slipway.launchers.base import Access, Reporter, StackStatus
from slipway.launchers.environments import Blueprint, Environment, ensure_environment
from slipway.launchers.leftovers import find_leftovers
from slipway.launchers.local_plan import Stack, plan_stack
from slipway.launchers.local_secrets import generated_secret, stack_secrets
from slipway.launchers.local_start import StackStarter
from slipway.launchers.local_status import read_status
from slipway.launchers.local_stop import read_state, stop_stack
from slipway.launchers.lock import exclusive, uninterrupted
from slipway.launchers.ports import check_port
from slipway.launchers.supervisor import Supervisor
from slipway.observe.health import context_length
from slipway.observe.logs import read_logs
from slipway.paths import Paths
from slipway.plan import check_exposure
from slipway.process import Runner
from slipway.secrets import Secret, read_secrets


class LocalLauncher:
    """Environments, PostgreSQL, vLLM and LiteLLM as processes; state in `paths.home`, what is rendered in `paths.run`."""

    def __init__(self, paths: Paths, environ: Mapping[str, str], hardware: Hardware, runner: Runner, reporter: Reporter) -> None:
        self._paths, self._environ, self._hardware, self._runner, self._reporter = paths, environ, hardware, runner, reporter
        self._supervisor = Supervisor(paths.run / "supervisor.sock")
        self._starter = StackStarter(paths, environ, runner, reporter, self._supervisor)

    def up(self, configuration: Configuration) -> Access:
        with exclusive(self._paths.lock, "a launch"):
            user_secrets = self._user_secrets()
            check_exposure(configuration.settings, user_secrets)
            stack = plan_stack(self._paths, self._hardware, configuration, external_database="DATABASE_URL" in user_secrets)
            secrets = stack_secrets(user_secrets, self._paths.data)
            if stack.database:
                secrets["DATABASE_URL"] = stack.database.url(generated_secret(self._paths.data, "DATABASE_PASSWORD"))
            if self._runs_already(stack, secrets):
                return self._access(secrets, changed=False)
            self._check_ports(configuration)
            environment = self._ensure_environments(stack)
            try:
                self._starter.start(stack, secrets, environment)
            except BaseException:
                with uninterrupted():
                    stop_stack(self._paths, self._supervisor)
                raise
            return self._access(secrets)

    def prepare(self, configuration: Configuration) -> None:
        """Build the environments that `up` would build. Raises SetupError."""
        self._ensure_environments(plan_stack(self._paths, self._hardware, configuration, external_database=True))

    def _access(self, secrets: Mapping[str, Secret], *, changed: bool = True) -> Access:
        state = read_state(self._paths.run)
        engine = next(iter(state["engines"].values()))
        return read_access(state, secrets, context_length(engine, secrets["VLLM_API_KEY"]), changed=changed)

    def _user_secrets(self) -> dict[str, Secret]:
        return read_secrets(self._paths.root / "secrets", self._environ)

    def _runs_already(self, stack: Stack, secrets: Mapping[str, Secret]) -> bool:
        folder = self._paths.secrets
        same = all((folder / name).is_file() and (folder / name).read_text() == secret.reveal() for name, secret in secrets.items())
        return same and not stack.changed_files() and self.status().state == "ready"

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

    def down(self, *, volumes: bool = False) -> bool:
        with exclusive(self._paths.lock, "a stop"), uninterrupted():
            ran = stop_stack(self._paths, self._supervisor)
            if volumes and self._paths.data.exists():
                shutil.rmtree(self._paths.data)
                ran = True
            if volumes:
                shutil.rmtree(self._paths.logs, ignore_errors=True)
        return ran

    def status(self) -> StackStatus:
        return read_status(read_state(self._paths.run), self._supervisor, self._paths.run)

    def access(self) -> Access:
        secrets = read_secrets_of(self._paths.secrets)
        if self.status().state != "ready":
            raise StackError("the stack that runs here is not ready", hint="`./runMe.sh status` says what it is doing")
        return self._access(secrets)

    def usage(self) -> Fetch:
        """Asks the running stack's database. Raises StackError when there is none."""
        path = self._paths.secrets / "DATABASE_URL"
        external = self._user_secrets().get("DATABASE_URL")
        if path.is_file():
            return fetch_by_url(Secret(path.read_text()))
        if external:
            return fetch_by_url(external)
        raise StackError("nothing runs here, and usage is read from the running database", hint="launch a model first: ./runMe.sh")

    def logs(self, part: str = "", *, follow: bool = False, lines: int = 200) -> Iterator[str]:
        known = sorted(path.name.removesuffix(".log") for path in self._paths.logs.glob("*.log"))
        if part and part not in known:
            raise UsageError(f"there is no log of {part!r}", hint=f"parts with a log: {', '.join(known) or 'none yet'}")
        if follow and not known:
            raise UsageError("there are no logs to follow yet", hint="launch a model first: MODEL=demo ./runMe.sh")
        return read_logs({name: self._paths.logs / f"{name}.log" for name in ([part] if part else known)}, lines=lines, follow=follow)
