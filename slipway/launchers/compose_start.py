"""Starts a stack with `docker compose`, and waits until its containers answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slipway.container import SITE
from slipway.engines import ENGINES
from slipway.errors import LaunchError
from slipway.launchers.base import Reporter
from slipway.launchers.compose_engine import SERVICES, ContainerLog, DockerEngine
from slipway.launchers.compose_failures import explain_start
from slipway.launchers.compose_images import ensure_derived, ensure_image
from slipway.launchers.compose_plan import ComposeStack, compose_environ
from slipway.launchers.startup import Watch, check_answer, look_at_engine
from slipway.observe.health import gateway_ready
from slipway.observe.progress import cache_folder
from slipway.process import Command, ProcessError, Runner
from slipway.render import write_files
from slipway.secrets import Secret


@dataclass(frozen=True)
class ComposeStarter:
    """One launch with Docker."""

    environ: Mapping[str, str]
    runner: Runner
    reporter: Reporter
    engine: DockerEngine

    def ensure_images(self, stack: ComposeStack) -> None:
        """Pull or build what is missing. Raises SetupError."""
        packages = stack.configuration.recipe.extra_packages
        built = {stack.images["vllm-node"]} if packages else set()
        missing = [image for image in stack.images.values() if not self.engine.has_image(image)]
        if not missing:
            return
        with self.reporter.phase("images") as phase:
            for image in missing:
                if image not in built:
                    ensure_image(self.engine, image, phase)
            if packages:
                ensure_derived(self.engine, stack.plan.images["ENGINE_IMAGE"], packages, stack.folder / "image", self.runner, phase)

    def start(self, stack: ComposeStack, secrets: Mapping[str, Secret]) -> None:
        """Raises LaunchError."""
        # Docker would make a missing folder, and root its owner
        stack.model_cache.mkdir(parents=True, exist_ok=True)
        write_files(stack.files)
        self._compose_up(stack)
        watch = Watch(self.engine, self._open_log, stack.configuration.settings.integer("START_STALL_TIMEOUT"))
        if stack.database:
            watch.add("database")
        with self.reporter.phase("engine") as phase:
            plan = stack.plan.engines[0]
            cache = cache_folder(stack.configuration.recipe.command.model, {**self.environ, "HF_HOME": str(stack.model_cache)})
            watch.add("engine", look_at_engine(phase, ENGINES[plan.kind].read_sign, cache))
            with self.reporter.phase("gateway"):
                watch.add("gateway")
                watch.wait("gateway", lambda: gateway_ready(stack.plan.gateway.url))
            watch.wait("engine", self._engine_healthy)
        with self.reporter.phase("first answer"):
            check_answer(stack.plan, stack.configuration, secrets["LITELLM_MASTER_KEY"], watch)

    def _compose_up(self, stack: ComposeStack) -> None:
        environ = compose_environ(self.environ, stack.variables)
        with self.reporter.phase("containers") as phase:
            if self._needs_new_configuration_only(stack):
                words = ("exec", "-T", "--workdir", SITE.root, SERVICES["engine"], "python3", "-m", "slipway.cli.generate", "--container")
                self.runner.run(Command(stack.command(*words).argv, env=environ))
            try:
                self.runner.run(Command(stack.up_command().argv, env=environ), lambda line: phase.update(line.strip()))
            except ProcessError as error:
                raise self._explain(error) from error

    def _needs_new_configuration_only(self, stack: ComposeStack) -> bool:
        """Whether the engine's container will stay as it is, and only the gateway's is to read something new."""
        found = self.engine.containers()
        if "engine" not in found or not found["engine"].running or "gateway" not in found:
            return False
        now = {part: container.environment.get("STAMP") for part, container in found.items()}
        return now["engine"] == stack.variables["ENGINE_STAMP"] and now["gateway"] != stack.variables["GATEWAY_STAMP"]

    def _explain(self, error: ProcessError) -> LaunchError:
        """Compose says which container failed, not why: its log does."""
        for part, program in self.engine.programs().items():
            if program.dead:
                watch = Watch(self.engine, self._open_log, 0)
                watch.add(part)
                return watch.death(watch.parts[part], program)
        return explain_start(error.tail)

    def _open_log(self, part: str) -> ContainerLog:
        return ContainerLog(self.engine, self.engine.containers()[part])

    def _engine_healthy(self) -> bool:
        container = self.engine.containers()["engine"]
        return container.running and container.health == "healthy"
