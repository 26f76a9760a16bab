"""`explain`: every effective setting of a model, where it came from, and what it shadowed; or the differences of two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

import click

from slipway.cli.context import App, make_app, with_overrides
from slipway.configuration import Configuration, read_configuration
from slipway.engines import configured
from slipway.engines.schema import choose_schema
from slipway.errors import UsageError
from slipway.explain import Difference, Entry, Surroundings, compare, explain, select
from slipway.layers import ENVIRONMENT, OVERRIDES
from slipway.paths import engine_lock
from slipway.plan import SLIPWAY
from slipway.secrets import secret_sources
from slipway.settings import IMAGE_SETTINGS

_WIDEST = 44  # characters of a value that may stand in one line with its source
_TEMPLATE = "litellm_config.template.yaml"


@click.command("explain", context_settings={"ignore_unknown_options": True})
@click.argument("model", required=False, default="")
@click.argument("key", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--diff", "other", metavar="OTHER", help="Show what differs from model OTHER.")
@click.option(
    "--diff-o", "other_overrides", multiple=True, metavar="KEY=VALUE", help="An override of OTHER; without --diff, of MODEL itself."
)
@with_overrides
def command(model: str, key: str, as_json: bool, other: str | None, other_overrides: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    """Show every effective setting of MODEL, or those called KEY: value, origin, and what lost to it."""
    if model.startswith("-"):
        raise UsageError(f"{model} is no model", hint=f"the model comes first: ./runMe.sh explain demo {model}")
    entries = _explained(model, overrides, key)
    if other is None and not other_overrides:
        click.echo(_json([_as_dict(entry) for entry in entries]) if as_json else _listing(entries, every_shadow=bool(key)))
        return
    differences = compare(entries, _explained(other or model, other_overrides, key))
    if as_json:
        click.echo(_json([{"group": i.group, "key": i.key, "left": _as_dict(i.left), "right": _as_dict(i.right)} for i in differences]))
    else:
        click.echo(_differences(differences))


def _json(value: object) -> str:
    return json.dumps(value, indent=2)


def _as_dict(entry: Entry | None) -> dict[str, object] | None:
    return {**asdict(entry), "shadowed": [{"value": value, "source": source} for value, source in entry.shadowed]} if entry else None


def _explained(model: str, overrides: Sequence[str], key: str) -> tuple[Entry, ...]:
    app = make_app(overrides, model)
    configuration = app.fit(read_configuration(app.sources), refuse=False)
    launch = app.rendering(configuration)
    version = app.engine_version(configuration.settings)
    around = Surroundings(
        runtime=app.runtime,
        engine_version=version,
        version_source=_version_source(app, configuration, version),
        config=next(file.text for file in launch.files if file.path.name == "config.yaml"),
        template=(app.root / "templates" / _TEMPLATE).read_text(encoding="utf-8"),
        template_path=f"templates/{_TEMPLATE}",
        gateway_env=launch.gateway_env,
        engine_image=launch.images.get("vllm-node", ""),
        configured=configured(launch.plan, app.read_text),
        secrets=secret_sources(app.root / "secrets", app.environ),
    )
    entries = explain(launch.plan, configuration, app.hardware(), around)
    return select(entries, key, version) if key else entries


def _version_source(app: App, configuration: Configuration, version: str) -> str:
    device = app.hardware().device
    image = configuration.settings.source(IMAGE_SETTINGS[device])
    source = str(image) if app.runtime == "docker" else str(engine_lock(app.root, device).relative_to(app.root))
    note = choose_schema(version).note
    return f"{source}; {note}" if note else source


def _listing(entries: Sequence[Entry], *, every_shadow: bool) -> str:
    """Groups with one line per entry, and one for the values that it shadows; of those, the same value again may be left out."""
    lines: list[str] = []
    width = max(len(entry.key) for entry in entries)
    for group, own in groupby(entries, key=lambda entry: entry.group):
        lines += ["", click.style(group, bold=True)]
        for entry in own:
            lines += _lines(entry, width, every_shadow=every_shadow)
    return "\n".join(lines[1:])


def _lines(entry: Entry, width: int, *, every_shadow: bool) -> list[str]:
    margin = " " * (width + 4)
    value = f"{entry.value:<{_WIDEST}}"
    origin = _styled(entry.source) + (click.style(f"  {entry.why}", dim=True) if entry.why else "")
    head = f"  {click.style(f'{entry.key:<{width}}', fg='cyan')}  {value}"
    lines = [f"{head}  {origin}"] if len(entry.value) <= _WIDEST else [head, margin + f"{'':<{_WIDEST}}  {origin}"]
    lost = [f"{text or 'the same flag'} ({source})" for text, source in entry.shadowed if every_shadow or text != entry.value]
    if lost:
        lines.append(margin + click.style(f"over {', '.join(lost)}", dim=True))
    return [line.rstrip() for line in lines]


def _styled(source: str) -> str:
    """What a person chose stands out against what Slipway chose."""
    if source in (str(SLIPWAY), "built-in default"):
        return source
    return click.style(source, fg="yellow" if source in (OVERRIDES, "command line") or source.startswith(ENVIRONMENT) else "green")


def _differences(differences: Sequence[Difference]) -> str:
    if not differences:
        return "no difference"
    lines: list[str] = []
    for group, own in groupby(differences, key=lambda item: item.group):
        lines += ["", click.style(group, bold=True)]
        for item in own:
            lines.append(f"  {click.style(item.key, fg='cyan')}")
            for mark, colour, entry in (("-", "red", item.left), ("+", "green", item.right)):
                if entry:
                    lines.append(f"    {click.style(f'{mark} {entry.value:<{_WIDEST}}', fg=colour)}  {entry.source}".rstrip())
    return "\n".join(lines[1:])
