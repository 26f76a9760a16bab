"""Plans and renders a local launch; nothing is started or written."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from slipway.configuration import Configuration
from slipway.database.server import Server, find_programs
from slipway.engines import build_plan
from slipway.hardware import Hardware
from slipway.launchers.environments import Blueprint
from slipway.launchers.local_environments import engine_blueprint, gateway_blueprint
from slipway.launchers.local_files import Programs, gateway_environment, local_site, render_local
from slipway.launchers.prisma_client import find_node, prisma_folder
from slipway.paths import Paths
from slipway.plan import Plan, Site
from slipway.process import Command
from slipway.render import RenderedFile, Rendering
from slipway.secrets import read_secrets


@dataclass(frozen=True)
class Stack:
    """A plan with everything that a local launch of it needs."""

    configuration: Configuration
    plan: Plan
    site: Site
    programs: Programs
    engine: Blueprint
    gateway: Blueprint
    files: tuple[RenderedFile, ...]

    @property
    def database(self) -> Server | None:
        return self.programs.server

    def changed_files(self) -> set[str]:
        """Names of the rendered files that differ from what is on disk."""
        return {file.path.name for file in self.files if not file.path.is_file() or file.path.read_text() != file.text}


def plan_stack(paths: Paths, hardware: Hardware, configuration: Configuration, *, external_database: bool) -> Stack:
    """Plan and render one model. Raises ConfigError."""
    engine, gateway = engine_blueprint(paths.root, hardware.device), gateway_blueprint(paths.root)
    gateway_folder = paths.environments / gateway.folder_name
    programs = Programs(
        vllm=paths.environments / engine.folder_name / "bin/vllm",
        litellm=gateway_folder / "bin/litellm",
        node=find_node(gateway_folder),
        prisma=prisma_folder(gateway_folder),
        server=None if external_database else Server(find_programs(), paths.data / "postgres", paths.sockets),
    )
    site = local_site(paths, programs, configuration.settings.text("GENERATED_CONFIG_DIR"))
    plan = build_plan(configuration, hardware, site)
    return Stack(configuration, plan, site, programs, engine, gateway, render_local(plan, site, paths, programs))


def names_external_database(paths: Paths, environ: Mapping[str, str]) -> bool:
    """Whether DATABASE_URL names a PostgreSQL that is not Slipway's. Raises ConfigError."""
    return "DATABASE_URL" in read_secrets(paths.root / "secrets", environ)


def supervisor_argv(paths: Paths) -> tuple[str, ...]:
    return (sys.executable, "-m", "supervisor.supervisord", "-c", str(paths.run / "supervisord.conf"))


def render_launch(paths: Paths, environ: Mapping[str, str], hardware: Hardware, configuration: Configuration) -> Rendering:
    """What a local launch writes and runs; each part's own command is in its script. Raises ConfigError."""
    stack = plan_stack(paths, hardware, configuration, external_database=names_external_database(paths, environ))
    scripts = [Command(("sh", str(file.path))) for file in stack.files if file.path.suffix == ".sh"]
    commands = tuple(str(command) for command in (Command(supervisor_argv(paths)), *scripts))
    env = gateway_environment(stack.site, paths, stack.programs)
    return Rendering(stack.plan, stack.files, env, stack.plan.images, commands)
