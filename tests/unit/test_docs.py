"""The pages say what the code does: generated tables, links, verbs, commands and snippets."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from slipway.cli.main import VERBS, cli
from slipway.clients import CLIENTS
from slipway.recipe import parse_recipe
from slipway.secrets import KNOWN
from slipway.settings import DEFINITIONS, is_engine_variable
from tests.e2e.conformance.differences import DIFFERENCES

ROOT = Path(__file__).parents[2]
DOCS = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "secrets/README.md", *DOCS]
SETTINGS = {definition.name for definition in DEFINITIONS}


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def script(name: str) -> dict[str, Any]:
    """What a script defines; nothing of it runs."""
    return runpy.run_path(str(ROOT / "scripts" / name), run_name="script")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", read(page), re.MULTILINE | re.DOTALL)


def commands(page: str) -> Iterator[str]:
    """Every `./runMe.sh …` of a page, in blocks and between backticks, with the assignments in front of it."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if "./runMe.sh" in line and not line.startswith("#"):
                yield line
    yield from re.findall(r"`([^`\n]*\./runMe\.sh[^`\n]*)`", re.sub(r"```.*?```", "", read(page), flags=re.DOTALL))


def anchors(path: Path) -> list[str]:
    """The fragments that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_the_readme_has_at_most_150_lines() -> None:
    assert len(read("README.md").splitlines()) <= 150


@pytest.mark.parametrize("page", ["docs/models.md", "docs/configuration.md", "docs/clients.md"])
def test_generated_tables_are_those_that_the_code_gives(page: str) -> None:
    fill_page: Callable[[str], str] = script("write_docs.py")["fill_page"]

    assert fill_page(read(page)) == read(page), "run scripts/write_docs.py"


def test_every_table_is_on_a_page() -> None:
    tables = script("write_docs.py")["TABLES"]

    assert sorted(re.findall(r"<!-- begin (\w+) -->", "".join(map(read, DOCS)))) == sorted(tables)


def test_the_picture_shows_the_kept_launch() -> None:
    drawing = script("draw_launch.py")

    assert drawing["draw_picture"](read("docs/launch.ansi")) == read("docs/launch.svg"), "run scripts/draw_launch.py"


def test_the_last_state_of_a_redrawn_screen_is_kept() -> None:
    fold_screen: Callable[[str], str] = script("draw_launch.py")["fold_screen"]

    written = "\x1b[?25lone 1\r\ntwo 1\r\x1b[2K\x1b[1A\x1b[2Kone 2\r\n\x1b[32mtwo 2\x1b[0m\r\nend\x1b[?25h\r\n"

    assert fold_screen(written) == "one 2\n\x1b[32mtwo 2\x1b[0m\nend\n"


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        if not path.exists() or (fragment and fragment not in anchors(path)):
            broken.append(target)
    assert broken == []


def test_the_readme_names_every_verb_in_its_table() -> None:
    assert sorted(re.findall(r"^\| `([a-z]+)", read("README.md"), re.MULTILINE)) == sorted(VERBS)


def test_the_readmes_verbs_have_the_options_that_it_names() -> None:
    for row in re.findall(r"^\| `([a-z]+[^`]*)`", read("README.md"), re.MULTILINE):
        verb, *words = row.replace("\\|", "|").translate(str.maketrans("[]", "  ")).split()
        options = {option for parameter in command(verb).params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, row


@pytest.mark.parametrize("page", PAGES)
def test_commands_on_the_pages_use_verbs_options_and_settings_that_exist(page: str) -> None:
    for line in commands(page):
        words = shlex.split(line.replace("…", ""), comments=True)
        start = words.index("./runMe.sh")
        for word in words[:start]:
            name, equals, _ = word.partition("=")
            assert equals and (name in SETTINGS or is_engine_variable(name)), line
        arguments = [word.strip("[]") for word in words[start + 1 :]]
        if not arguments or arguments[0].startswith("-"):
            arguments.insert(0, "up")
        assert arguments[0] in VERBS, line
        verb = command(arguments[0])
        verb.make_context(arguments[0], arguments[1:], parent=click.Context(cli))


def command(verb: str) -> click.Command:
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["curl", "claude-code", "python"])
def test_the_readme_has_the_snippets_that_a_launch_prints(name: str) -> None:
    demo = script("write_docs.py")["DEMO"]

    assert f"{CLIENTS[name].snippet(demo)}\n" in blocks("README.md", "sh")


@pytest.mark.parametrize("page", ["README.md", "docs/models.md"])
def test_the_model_files_on_the_pages_have_no_problems(page: str) -> None:
    examples = blocks(page, "yaml")

    assert examples
    for text in examples:
        assert parse_recipe("my-model", "models/my-model.yml", text)[1] == []


def test_the_secrets_folder_names_every_secret() -> None:
    assert re.findall(r"^\| `([A-Z_]+)` \|", read("secrets/README.md"), re.MULTILINE) == list(KNOWN)


def test_vars_env_shows_every_setting_with_its_default() -> None:
    shown = dict(line.split("=", 1) for line in read("vars.env").splitlines() if re.match(r"[A-Z_]+=", line))

    assert {name: text for name, text in shown.items() if name in SETTINGS} == {item.name: item.default for item in DEFINITIONS}


def test_the_gateways_page_lists_the_intended_differences() -> None:
    rows = [f"| {item.where} | {item.lane} | {item.litellm} | {item.reason} |" for item in DIFFERENCES]
    table = "\n".join(["| where | the lane | LiteLLM | why |", "|---|---|---|---|", *rows])

    assert f"<!-- differences -->\n{table}\n<!-- end of differences -->" in read("docs/gateway.md")


def test_the_page_of_clients_names_the_versions_that_the_tests_run() -> None:
    wanted = json.loads(read("tests/clients/package.json"))["dependencies"]
    [said] = re.findall(r"^The tests run (.*?) against", read("docs/clients.md"), re.MULTILINE | re.DOTALL)

    assert re.findall(r"\d+\.\d+\.\d+", said) == [
        wanted[name] for name in ("@anthropic-ai/claude-code", "@openai/codex", "opencode-ai", "@continuedev/cli")
    ]
