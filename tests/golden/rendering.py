"""Renders every model file as the containers do, and the demo as the local launcher does, with fixed paths and hardware."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from slipway.configuration import Sources, configure, read_configuration, read_sources
from slipway.container import SITE
from slipway.database.server import Server, unprivileged
from slipway.engines import build_plan
from slipway.hardware import Hardware
from slipway.launchers.local_files import Programs, local_site, render_local
from slipway.overlay import BASE
from slipway.paths import Paths
from slipway.recipe import model_names, read_recipe
from slipway.render import RenderedFile, render_generated

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent
LOCAL = "local"

HARDWARE = Hardware("cuda", 1)


def sources(hardware: Hardware = HARDWARE, overrides: Sequence[str] = ()) -> Sources:
    """The built-in defaults and the repository's vars.env; nothing of the process environment, nothing that is not in git."""
    found = read_sources(ROOT, {}, overrides, lambda wish: hardware)
    return replace(found, weak=tuple(layer for layer in found.weak if layer.label != "vars.local.env"))


def names() -> list[str]:
    return model_names(ROOT / "models")


def render_model(name: str) -> dict[str, str]:
    """File name -> text of one model's generated files."""
    plan = build_plan(read_configuration(sources(), name), HARDWARE, SITE)
    texts = _texts(render_generated(plan, SITE, ROOT / "templates"))
    editions = render_editions(name)
    return {**texts, "editions.yml": yaml.safe_dump(editions, sort_keys=False, width=10_000)} if editions else texts


def render_editions(name: str) -> dict[str, dict[str, object]]:
    """What each variant, and each hardware that the file names, makes of the command and the environment."""
    recipe, _ = read_recipe(ROOT / "models", name)
    assert recipe is not None
    found: dict[str, dict[str, object]] = {}
    for variant, hardware in [edition for edition in recipe.editions() if edition != (BASE, ())]:
        engine = build_plan(configure(sources(), recipe, variant, hardware), HARDWARE, SITE).engines[0]
        found[" on ".join((variant, *hardware))] = {"command": shlex.join(engine.argv), "env": engine.env}
    return found


def render_demo_locally() -> dict[str, str]:
    """File name -> text of every file of a local launch of the demo, on a machine without a GPU."""
    paths = Paths(Path("/slipway"), Path("/slipway/.slipway"), Path("/dev/shm/slipway-0123456789"), "slipway")
    envs = paths.environments
    programs = Programs(
        vllm=envs / "engine-cpu-0123456789ab/bin/vllm",
        litellm=envs / "gateway-0123456789ab/bin/litellm",
        node=Path("/usr/bin/node"),
        prisma=envs / "gateway-0123456789ab/prisma",
        server=_AnyonesServer(Path("/usr/lib/postgresql/bin"), paths.data / "postgres", paths.sockets),
    )
    site = local_site(paths, programs)
    plan = build_plan(read_configuration(sources(Hardware("cpu")), "demo"), Hardware("cpu"), site)
    return _texts(render_local(plan, site, _with_real_templates(paths), programs))


class _AnyonesServer(Server):
    """PostgreSQL's command as a user who is not root gets it."""

    def argv(self) -> tuple[str, ...]:
        return super().argv()[len(unprivileged()) :]


def _texts(files: tuple[RenderedFile, ...]) -> dict[str, str]:
    return {file.path.name: file.text.replace(shlex.quote(sys.executable), "/usr/bin/python3") for file in files}


def _with_real_templates(paths: Paths) -> Paths:
    """The same paths, except that templates are read from the real checkout."""

    class WithTemplates(Paths):
        @property
        def templates(self) -> Path:
            return ROOT / "templates"

    return WithTemplates(paths.root, paths.home, paths.run, paths.stack)


def render_all() -> dict[str, dict[str, str]]:
    """Golden folder -> file name -> text."""
    return {name: render_model(name) for name in names()} | {LOCAL: render_demo_locally()}
