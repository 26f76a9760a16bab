"""Writes the generated configuration of one model; runs with any Python that has PyYAML, Jinja2, python-dotenv and pydantic.

scripts/gen_models_yml.sh, scripts/generate_litellm_config.py and the engine container's entrypoint come here.
"""

from __future__ import annotations

import argparse
import os
import secrets as random_source
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from slipway import container
from slipway.configuration import Configuration, Sources, read_configuration, read_sources
from slipway.engines import build_plan, check_plan
from slipway.errors import ConfigError, SlipwayError
from slipway.memory import share_of_context
from slipway.paths import build_paths
from slipway.plan import Plan, Site
from slipway.render import render_generated, write_atomically, write_files
from slipway.requirements import image_version
from slipway.secrets import Secret, read_secrets

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str]) -> int:
    """Write the files that `--only` names, or a container's; gives the exit status."""
    parser = argparse.ArgumentParser(description="Write a model's generated configuration.")
    parser.add_argument("--model", default="", help="the model file models/NAME.yml; default: MODEL")
    parser.add_argument("--to", default="", help="the folder to write to; default: GENERATED_CONFIG_DIR, else the stack's on /dev/shm")
    parser.add_argument("--only", default="config.yaml", help="which files, with commas: models.yml, config.yaml, engine.sh")
    parser.add_argument("--container", action="store_true", help="write all that docker-compose.yml's containers need")
    options = parser.parse_args(arguments)
    try:
        for path in _generate_for_containers() if options.container else _generate(options):
            print(path)
    except SlipwayError as error:
        print(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""), file=sys.stderr)
        return error.exit_code
    return 0


def _generate(options: argparse.Namespace) -> list[Path]:
    sources = _judging(read_sources(ROOT, os.environ))
    configuration = read_configuration(sources, options.model)
    folder = options.to or configuration.settings.text("GENERATED_CONFIG_DIR")
    if not folder:
        folder = str(build_paths(ROOT, os.environ, configuration.settings.text("STACK_NAME")).run / "generated")
    site = Site(str(ROOT), str(Path(folder).absolute()), str(ROOT / "secrets"))
    plan = build_plan(configuration, sources.hardware, site)
    if "engine.sh" in options.only.split(","):
        _check(plan, configuration)
    files = tuple(file for file in render_generated(plan, site, ROOT / "templates") if file.path.name in options.only.split(","))
    write_files(files)
    return [file.path for file in files]


def _judging(sources: Sources) -> Sources:
    """With the same choice of a variant as `up` makes."""
    return replace(sources, judge=lambda known, configuration: share_of_context(known, configuration, os.environ))


def _generate_for_containers() -> list[Path]:
    """The configuration, the engine's secrets, and last the stamp, which tells the gateway's container that all is there."""
    note = container.read_note(ROOT / container.NOTE, ROOT / "models")
    # compose/*.yml says by ENGINE_DEVICE what the container was given
    sources = note.sources if note else _judging(read_sources(ROOT, os.environ))
    configuration = read_configuration(sources)
    plan = build_plan(configuration, sources.hardware, container.SITE)
    if not note:  # a launch has checked it already
        _check(plan, configuration)
    _write_engine_secrets(Path(container.SITE.secrets))
    files = container.render_containers(plan, ROOT / "templates")
    write_files(files)
    stamp = Path(container.SITE.generated) / "stamp"
    write_atomically(stamp, note.stamp if note else plan.model)
    return [*(file.path for file in files), stamp]


def _check(plan: Plan, configuration: Configuration) -> None:
    """Say what the engine would ignore. Raises ConfigError with what it would refuse: at once, and not after it has loaded."""
    try:
        version = metadata.version("vllm").partition("+")[0]
    except metadata.PackageNotFoundError:
        version = image_version(configuration.settings.text("ENGINE_IMAGE"))
    found = check_plan(plan, version, lambda name: (ROOT / name).read_text(encoding="utf-8"))
    for text in [*map(str, found.warnings), *filter(None, [found.note])]:
        print(f"warning: {text}", file=sys.stderr)
    if found.errors:
        raise ConfigError(found.errors)


def _write_engine_secrets(folder: Path) -> None:
    """HF_TOKEN where there is one, and the key between gateway and engine, made here where nobody gives one."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = read_secrets(ROOT / "secrets", os.environ)
    key = folder / "VLLM_API_KEY"
    if "VLLM_API_KEY" not in found and not key.exists():
        found["VLLM_API_KEY"] = Secret(random_source.token_urlsafe(32))
    (folder / "HF_TOKEN").unlink(missing_ok=True)
    for name in ("HF_TOKEN", "VLLM_API_KEY"):
        if name in found:
            write_atomically(folder / name, found[name].reveal(), 0o600)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
