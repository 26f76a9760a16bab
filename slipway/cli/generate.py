"""Writes the generated configuration of one model; runs with any Python that has PyYAML, Jinja2, python-dotenv and pydantic.

scripts/gen_models_yml.sh, scripts/generate_litellm_config.py and the containers' entrypoint come here.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from slipway.configuration import Configuration, read_configuration, read_sources
from slipway.engines import build_plan, check_plan
from slipway.errors import ConfigError, SlipwayError
from slipway.hardware import Hardware, Wish, read_hardware
from slipway.memory import share_of_context
from slipway.paths import build_paths
from slipway.plan import Plan, Site
from slipway.render import render_generated, write_files
from slipway.requirements import image_version

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str]) -> int:
    """Write the files that `--only` names; gives the exit status."""
    parser = argparse.ArgumentParser(description="Write a model's generated configuration.")
    parser.add_argument("--model", default="", help="the model file models/NAME.yml; default: MODEL")
    parser.add_argument("--to", default="", help="the folder to write to; default: GENERATED_CONFIG_DIR, else the stack's on /dev/shm")
    parser.add_argument("--only", default="config.yaml", help="which files, with commas: models.yml, config.yaml, engine.sh")
    parser.add_argument("--container", action="store_true", help="plan for docker-compose.yml's network instead of this machine")
    options = parser.parse_args(arguments)
    try:
        for path in _generate(options):
            print(path)
    except SlipwayError as error:
        print(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""), file=sys.stderr)
        return error.exit_code
    return 0


def _generate(options: argparse.Namespace) -> list[Path]:
    # in the container, a GPU that cannot be seen by its name is still there
    sources = read_sources(ROOT, os.environ, detect=_container_hardware if options.container else read_hardware)
    # the same choice of a variant as `up` makes
    sources = replace(sources, judge=lambda known, configuration: share_of_context(known, configuration, os.environ))
    configuration = read_configuration(sources, options.model)
    folder = options.to or configuration.settings.text("GENERATED_CONFIG_DIR")
    if not folder:
        folder = str(build_paths(ROOT, os.environ, configuration.settings.text("STACK_NAME")).run / "generated")
    folder = str(Path(folder).absolute())
    plan, site = _plan(configuration, folder, sources.hardware, container=options.container)
    if "engine.sh" in options.only.split(","):
        _check(plan, configuration)
    files = tuple(file for file in render_generated(plan, site, ROOT / "templates") if file.path.name in options.only.split(","))
    write_files(files)
    return [file.path for file in files]


def _container_hardware(wish: Wish) -> Hardware:
    return read_hardware(replace(wish, device="cuda") if wish.device == "auto" else wish)


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


def _plan(configuration: Configuration, folder: str, hardware: Hardware, *, container: bool) -> tuple[Plan, Site]:
    secrets = str(ROOT / "secrets")
    if container:
        site = Site(str(ROOT), folder, secrets, engine_bind="0.0.0.0", engine_host="vllm-node")
    else:
        site = Site(str(ROOT), folder, secrets)
    return build_plan(configuration, hardware, site), site


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
