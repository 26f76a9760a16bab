"""Plan + templates → files as values; writing them is a separate, atomic step."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from slipway.gateway import config as gateway_config
from slipway.plan import EnginePlan, Plan, Site

_Dumper: type = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class RenderedFile:
    """A file as a value: where it goes, what it says, its permission bits."""

    path: Path
    text: str
    mode: int = 0o644


@dataclass(frozen=True)
class Rendering:
    """All that a launch would write and run, for a person to read: files, the images of a launch with Docker, commands in order."""

    plan: Plan
    files: tuple[RenderedFile, ...]
    gateway_env: Mapping[str, str]
    images: Mapping[str, str]
    commands: tuple[str, ...]


def render_file(templates: Path, template: str, target: Path, values: Mapping[str, object], mode: int = 0o644) -> RenderedFile:
    """Render one template; an undefined name is an error, never an empty string."""
    return RenderedFile(target, _environment(templates).get_template(template).render(values), mode)


@lru_cache(maxsize=4)
def _environment(templates: Path) -> Environment:
    environment = Environment(loader=FileSystemLoader(templates), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters["toyaml"] = _to_yaml_scalar
    environment.filters["shellquote"] = shlex.quote
    return environment


def _to_yaml_scalar(value: object) -> str:
    return _plain_to_yaml(value) if isinstance(value, (str, int, float)) else _to_yaml(value)


def _to_yaml(value: object) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, width=10_000, default_flow_style=True)
    return text.removesuffix("\n").removesuffix("\n...")


# the same few hundred names, addresses and numbers stand in every file, and PyYAML takes 20 us for each
_plain_to_yaml = lru_cache(maxsize=4096, typed=True)(_to_yaml)


def render_generated(plan: Plan, site: Site, templates: Path) -> tuple[RenderedFile, ...]:
    """The generated-config directory, the same for every launcher: models.yml, config.yaml, one start script per engine."""
    folder = Path(site.generated)
    return (
        RenderedFile(folder / "models.yml", models_text(plan)),
        render_file(templates, "litellm_config.template.yaml", folder / "config.yaml", gateway_config.template_values(plan)),
        *(render_start_script(templates, engine_script(engine), site, folder / f"{engine.name}.sh") for engine in plan.engines),
    )


@dataclass(frozen=True)
class StartScript:
    """A script that sets a part's environment, reads its secrets and becomes the part. `path` goes in front of PATH."""

    part: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    secrets: tuple[str, ...]
    path: str = ""

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """The argv as people write it: one flag with its values per line."""
        lines: list[tuple[str, ...]] = []
        for word in self.argv:
            if not lines or word.startswith("-"):
                lines.append((word,))
            else:
                lines[-1] = (*lines[-1], word)
        return lines


def render_start_script(templates: Path, script: StartScript, site: Site, target: Path) -> RenderedFile:
    """Secrets are read when the script runs, from the site's secrets folder."""
    pid_file = f"{site.pid_files}/{script.part}.pid" if site.pid_files else ""
    values = {"script": script, "site": site, "pid_file": pid_file}
    return render_file(templates, "start.sh", target, values, 0o755)


def engine_script(engine: EnginePlan) -> StartScript:
    """vLLM finds ninja and its other tools beside its own executable."""
    executable = Path(engine.argv[0])
    return StartScript(engine.name, engine.argv, engine.env, engine.secrets, str(executable.parent) if executable.is_absolute() else "")


def models_text(plan: Plan) -> str:
    """models.yml: the resolved model, for people and for tools that want to know what is served."""
    body: dict[str, object] = {
        "model": plan.model,
        "variant": plan.variant,
        "description": plan.description,
        "engines": [
            {
                "name": engine.name,
                "kind": engine.kind,
                "url": engine.base_url,
                "command": list(engine.argv),
                "env": dict(engine.env),
            }
            for engine in plan.engines
        ],
        "routes": [route.name for route in plan.gateway.routes],
        "defaults": plan.gateway.routes[0].defaults,
    }
    profiles = {route.profile: route.defaults for route in plan.gateway.routes if route.profile}
    if profiles:
        body["profiles"] = profiles
    head = f"# Rendered by Slipway from {plan.recipe_path} and vars.env: change those, not this.\n"
    return head + yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def write_files(files: tuple[RenderedFile, ...]) -> None:
    """Write each file aside and rename it into place, so that no reader ever sees half of one."""
    for file in files:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file.path, file.text, file.mode)


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace `path` by `text` in one step."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(aside).chmod(mode)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
