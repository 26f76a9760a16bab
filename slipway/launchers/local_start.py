"""Starts the parts of a local stack in order, and waits until they answer."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from slipway.database import server as postgres
from slipway.engines import ENGINES
from slipway.errors import LaunchError
from slipway.launchers.base import Reporter
from slipway.launchers.environments import Environment
from slipway.launchers.leftovers import end_leftovers, note_shared_memory
from slipway.launchers.local_plan import Stack, supervisor_argv
from slipway.launchers.local_secrets import generated_secret, write_stack_secrets
from slipway.launchers.local_stop import stop_stack
from slipway.launchers.startup import Watch, check_answer, look_at_engine
from slipway.launchers.supervisor import Supervisor
from slipway.observe.health import engine_ready, gateway_ready
from slipway.observe.progress import LogTail, cache_folder
from slipway.paths import Paths
from slipway.process import Command, Runner
from slipway.render import write_files
from slipway.secrets import KNOWN, Secret
from slipway.settings import BY_NAME, is_engine_variable


@dataclass(frozen=True)
class StackStarter:
    """One launch: the engine first because it takes longest, database and gateway while it loads."""

    paths: Paths
    environ: Mapping[str, str]
    runner: Runner
    reporter: Reporter
    supervisor: Supervisor

    def start(self, stack: Stack, secrets: Mapping[str, Secret], gateway: Environment) -> None:
        """Start, or put this model in the place of the one that runs. Raises LaunchError."""
        switching = self.paths.run / "switching"
        if self._runs_another(stack):
            # the gateway tells clients so; see gateway/phase.py
            switching.write_text(str(os.getpid()))
        try:
            self._start(stack, secrets, gateway)
        finally:
            switching.unlink(missing_ok=True)

    def _runs_another(self, stack: Stack) -> bool:
        try:
            return bool(json.loads((self.paths.run / "stack.json").read_text())["model"] != stack.plan.model)
        except (OSError, ValueError):
            return False

    def _start(self, stack: Stack, secrets: Mapping[str, Secret], gateway: Environment) -> None:
        stale = self._prepare_run_folder(stack, secrets)
        watch = Watch(self.supervisor, self._open_log, stack.configuration.settings.integer("START_STALL_TIMEOUT"))
        for part in ("gateway", "engine"):
            if part in stale:
                self.supervisor.stop(part)
                end_leftovers([self.paths.run / f"{part}.pid"])
        write_files(stack.files)
        model = stack.configuration.recipe.command.model
        with self.reporter.phase("engine") as phase:
            engine = stack.plan.engines[0]
            cache = cache_folder(model, {**self.environ, **engine.env})
            watch.add("engine", look_at_engine(phase, ENGINES[engine.kind].read_sign, cache))
            self.supervisor.start("engine")
            self._start_database(stack, secrets["DATABASE_URL"], gateway, watch)
            with self.reporter.phase("gateway"):
                watch.add("gateway")
                self.supervisor.start("gateway")
                watch.wait("gateway", lambda: gateway_ready(stack.plan.gateway.url))
            watch.wait("engine", lambda: engine_ready(engine.base_url))
        with self.reporter.phase("first answer"):
            check_answer(stack.plan, stack.configuration, secrets["LITELLM_MASTER_KEY"], watch)
        note_shared_memory(self.paths.run / "engine.pid")

    def _prepare_run_folder(self, stack: Stack, secrets: Mapping[str, Secret]) -> Set[str]:
        """Have supervisord run with the right configuration; gives the parts that must be restarted for the new files."""
        run = self.paths.run
        changed = stack.changed_files()
        if not self.supervisor.alive() or changed & {"supervisord.conf", "database.sh"}:
            stop_stack(self.paths, self.supervisor)
            run.mkdir(mode=0o711)
            (run / "engine").mkdir(mode=0o700)
            Path(stack.site.generated).mkdir(parents=True, exist_ok=True, mode=0o700)
            self.paths.logs.mkdir(parents=True, exist_ok=True)
            write_stack_secrets(self.paths.secrets, secrets)
            write_files(stack.files)
            self._start_supervisor()
            return frozenset()
        changed |= write_stack_secrets(self.paths.secrets, secrets)
        programs = self.supervisor.programs()
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
            for name, value in self.environ.items()
            if name not in KNOWN and name not in BY_NAME and not is_engine_variable(name) and name not in ("PYTHONPATH", "VIRTUAL_ENV")
        }
        self.runner.run(Command(supervisor_argv(self.paths), env=env))
        deadline = time.monotonic() + 10
        while not self.supervisor.alive():
            if time.monotonic() > deadline:
                raise LaunchError("supervisord did not start", hint=f"its log: {self.paths.logs}/supervisord.log")
            time.sleep(0.02)

    def _start_database(self, stack: Stack, url: Secret, gateway: Environment, watch: Watch) -> None:
        from slipway.database.migrations import apply_migrations

        if stack.database:
            with self.reporter.phase("database"):
                password = generated_secret(self.paths.data, "DATABASE_PASSWORD")
                postgres.create_data(stack.database, password, self.runner)
                postgres.prepare_sockets(stack.database)
                watch.add("database")
                self.supervisor.start("database")
                watch.wait("database", lambda: postgres.accepts(url))
                postgres.create_database(url)
        with self.reporter.phase("database schema") as phase:
            folder = next(gateway.folder.glob("lib/python*/site-packages/litellm_proxy_extras/migrations"))

            def on_progress(done: int, total: int, name: str) -> None:
                watch.check()
                phase.update(name, done, total)

            apply_migrations(url.reveal(), folder, on_progress)

    def _open_log(self, part: str) -> LogTail:
        return LogTail(self.paths.logs / f"{part}.log")
