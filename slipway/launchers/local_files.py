"""What the local launcher renders beside the generated configuration: one start script per part, and supervisord's file."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from slipway.database.server import Server
from slipway.gateway import config as gateway_config
from slipway.gateway.phase import VARIABLE as PHASE_FOLDER
from slipway.launchers.access import access_state
from slipway.paths import Paths
from slipway.plan import Plan, Site
from slipway.render import RenderedFile, StartScript, render_file, render_generated, render_start_script


@dataclass(frozen=True)
class Programs:
    """The executables of the local parts; `server` is None where DATABASE_URL names another PostgreSQL."""

    vllm: Path
    litellm: Path
    node: Path
    prisma: Path
    server: Server | None


@dataclass(frozen=True)
class _Part:
    name: str
    script: Path
    priority: int
    settled: int  # seconds after which a part counts as started for the back-off
    stop_signal: str = "TERM"
    stop_wait: int = 15  # seconds


def local_site(paths: Paths, programs: Programs, generated: str = "") -> Site:
    """Where things are for processes on this machine."""
    return Site(
        root=str(paths.root),
        generated=generated or str(paths.run / "generated"),
        secrets=str(paths.secrets),
        vllm=str(programs.vllm),
        engine_scratch=str(paths.run / "engine"),
        pid_files=str(paths.run),
        python=sys.executable,
        gpu_variable="CUDA_VISIBLE_DEVICES",
    )


def render_local(plan: Plan, site: Site, paths: Paths, programs: Programs) -> tuple[RenderedFile, ...]:
    """Every file of a local launch, in a fixed order."""
    generated = Path(site.generated)
    parts = [_Part(engine.name, generated / f"{engine.name}.sh", 200, 120) for engine in plan.engines]
    parts.append(_Part("gateway", paths.run / "gateway.sh", 300, 20))
    own = []
    if programs.server:
        parts.append(_Part("database", paths.run / "database.sh", 100, 2, "INT"))
        script = StartScript("database", programs.server.argv(), {}, ())
        own.append(render_start_script(paths.templates, script, site, paths.run / "database.sh"))
    own.append(_gateway_script(plan, site, paths, programs))
    values = {
        "run": paths.run,
        "logs": paths.logs,
        "root": paths.root,
        "parts": sorted(parts, key=lambda part: part.priority),
    }
    return (
        *render_generated(plan, site, paths.templates),
        *own,
        render_file(paths.templates, "supervisord.conf", paths.run / "supervisord.conf", values),
        RenderedFile(paths.run / "stack.json", _stack_text(plan, site, parts)),
    )


def gateway_environment(site: Site, paths: Paths, programs: Programs) -> dict[str, str]:
    """What the gateway's process gets beside its secrets."""
    return {
        **gateway_config.ENVIRONMENT,
        **gateway_config.prisma_environment(str(programs.prisma)),
        PHASE_FOLDER: str(paths.run),
        "PYTHONPATH": f"{site.root}:{site.python_start}",
    }


def _gateway_script(plan: Plan, site: Site, paths: Paths, programs: Programs) -> RenderedFile:
    argv = gateway_config.build_argv(str(programs.litellm), plan.gateway, f"{site.generated}/config.yaml")
    env = gateway_environment(site, paths, programs)
    script = StartScript("gateway", argv, env, gateway_config.SECRETS, str(programs.node.parent))
    return render_start_script(paths.templates, script, site, paths.run / "gateway.sh")


def _stack_text(plan: Plan, site: Site, parts: list[_Part]) -> str:
    """What `status`, `connect` and `down` need to know of a running stack, whatever the configuration says by then."""
    body = {
        **access_state(plan),
        "generated": site.generated,
        "engines": {engine.name: engine.base_url for engine in plan.engines},
        "parts": [part.name for part in sorted(parts, key=lambda part: part.priority)],
    }
    return json.dumps(body, indent=2) + "\n"
