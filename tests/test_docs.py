"""What the pages name is there: links, commands, options, settings, tests, make targets, files of the library."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from command_page import commands, options_of
from pages import PAGES, ROOT, anchors, links, read, rows, section, shell_lines, spans

from cdshooks.cli.command import main
from cdshooks.server.settings import SETTINGS

OPTIONS = {name for _, command in commands() for o in options_of(command) for name in (*o.opts, *o.secondary_opts)}
NO_SETTINGS = {"CDSHOOKS_WRITE_GOLDEN", "CDSHOOKS_IMAGE"}  # of the tests, and of compose
OUR_LINE = re.compile(r"^(?:\S*/|docker compose run .* service )?cdshooks (.*)")
TEST_NAMED = re.compile(r"`(test_\w+\.py)(?:::(test_\w+))?`")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words name, and the words that are left for it."""
    found: click.Command = main
    while isinstance(found, click.Group) and words and words != ["--help"]:
        name, *words = words
        assert name in found.commands, f"cdshooks has no command {name!r}"
        found = found.commands[name]
    return found, words


def check_line(line: str) -> None:
    """Fail unless a line that begins with `cdshooks` is one that click takes; nothing is run."""
    command, words = command_of(shlex.split(line, comments=True))
    if words == ["--help"]:
        return
    assert not isinstance(command, click.Group), f"{line}: which command of the group?"
    context = click.Context(command)
    given, left, _ = command.make_parser(context).parse_args(words)
    assert not left, f"{line}: {left} is too much"
    for parameter in command.params:
        value = given.get(str(parameter.name))
        assert isinstance(value, str | tuple) or not parameter.required, f"{line}: {parameter.name} is missing"
        if isinstance(value, str) and isinstance(parameter.type, click.Choice):
            assert value in parameter.type.choices, f"{line}: {value}"


def keys_of(schema: Any) -> set[str]:
    """Every key that a schema describes, at any depth."""
    if isinstance(schema, list):
        return {key for part in schema for key in keys_of(part)}
    if not isinstance(schema, dict):
        return set()
    named = schema.get("properties", {})
    own = {key for key, value in named.items() if isinstance(value, dict)}
    return own | {key for part in schema.values() for key in keys_of(part)}


# ---- pages and links


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page.read_text("utf-8")):
        target, _, anchor = link.partition("#")
        leads_to = page.parent / target if target else page
        assert leads_to.exists(), link
        assert not anchor or anchor in anchors(leads_to.read_text("utf-8")), link


@each_page
def test_every_setting_that_is_named_is_one(page: Path) -> None:
    named = set(re.findall(r"CDSHOOKS_[A-Z_]*[A-Z]", page.read_text("utf-8")))
    assert named <= {setting.name for setting in SETTINGS} | NO_SETTINGS


@each_page
def test_every_test_that_is_named_is_one(page: Path) -> None:
    for file, name in TEST_NAMED.findall(page.read_text("utf-8")):
        assert f"def {name}" in (ROOT / "tests" / file).read_text("utf-8"), (file, name)


@each_page
def test_every_make_target_that_is_named_is_one(page: Path) -> None:
    text = page.read_text("utf-8")
    named = {found[1] for code in (*spans(text), *shell_lines(text)) if (found := re.match(r"make ([a-z]+)", code))}
    assert named <= set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))


# ---- commands


@each_page
def test_every_command_line_is_one_that_the_command_takes(page: Path) -> None:
    for line in shell_lines(page.read_text("utf-8")):
        if ours := OUR_LINE.match(line):
            check_line(ours[1])


@pytest.mark.parametrize(
    "line", ["serv", "serve --prot 1", "fire", "fire a b", "evaluate a --format xml", "centers", "centers expire 1 x"]
)
def test_a_command_line_that_is_wrong_is_seen(line: str) -> None:
    with pytest.raises((AssertionError, click.UsageError)):
        check_line(line)


@each_page
def test_every_command_and_option_that_is_named_is_one(page: Path) -> None:
    for code in spans(page.read_text("utf-8")):
        if code.startswith("cdshooks ") and not code.startswith("cdshooks COMMAND"):
            command, left = command_of([word.split("|")[0] for word in code.split()[1:]])
            taken = {name for option in options_of(command) for name in (*option.opts, *option.secondary_opts)}
            asked = {
                name for word in left for name in re.findall(r"--?[a-z][a-z-]*", word) if word.lstrip("[")[0] == "-"
            }
            assert asked <= taken | {"--help"}, code
        elif code.startswith("--"):
            assert code.split()[0].rstrip(",") in OPTIONS | {"--help"}, code


def test_every_command_and_option_says_what_it_does() -> None:
    for name, command in commands():
        assert command.help, name
        for option in options_of(command):
            assert option.help, (name, option.name)


# ---- the log


def test_every_event_of_the_log_has_its_row_and_there_is_no_other() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "cdshooks").rglob("*.py"))
    logged = re.findall(r'\blog\.(?:info|warning|error|exception|critical)\(\s*"([^"]+)"', source)
    table = read("docs/watching.md").split("| event | meaning |", 1)[1].split("\n\n", 1)[0]
    told = {event for row in rows(table) for event in re.findall(r"`([^`]+)`", row[0])}
    assert told == {re.sub(r"%\w", "…", event) for event in logged} - {"…"}


# ---- the card library


def test_every_file_of_the_library_is_of_a_kind_that_its_page_tells() -> None:
    cards = ROOT / "cards"
    files = [path.relative_to(cards).as_posix() for path in cards.rglob("*") if path.is_file()]
    kept = {name for name in files if name != "README.md" and not name.startswith("schema/")}
    told: set[str] = set()
    for cell, *_, schema in rows(read("cards/README.md")):
        if schema.startswith("`schema/"):
            pattern = re.sub(r"<[^>]+>|\*", "[^/]+", cell.strip("`"))
            found = {name for name in kept if re.fullmatch(pattern, name)}
            assert found, f"no file is {cell}"
            told |= found
    assert kept == told


def test_every_schema_of_the_library_is_named() -> None:
    named = set(re.findall(r"schema/(\w+\.json)", read("cards/README.md") + read("docs/http.md")))
    assert named == {path.name for path in (ROOT / "cards/schema").glob("*.json")}


@pytest.mark.parametrize("kind", ["policy", "payer", "product"])
def test_every_key_of_a_file_that_an_analyst_writes_is_told(kind: str) -> None:
    schema = json.loads(read(f"cards/schema/{kind}.json"))
    page = read("cards/README.md")
    assert [key for key in sorted(keys_of(schema)) if not re.search(rf"\b{key}\b", page)] == []


def test_every_word_of_an_expression_has_its_row_and_there_is_no_other() -> None:
    words = json.loads(read("cards/schema/expression.json"))["$defs"]["expression"]["properties"]
    told = rows(section(read("cards/README.md"), "The words of `when`"))
    assert {word for row in told for word in re.findall(r"`(\w+)`", row[0])} == set(words)


# ---- what others own


def test_the_notice_names_every_code_system_that_is_shipped() -> None:
    systems = {one["id"]: one["uri"] for one in yaml.safe_load(read("cards/systems.yaml"))["systems"]}
    files = [*(ROOT / "cards/valuesets").glob("*.json"), *(ROOT / "cards/products").glob("*.yaml")]
    text = "".join(path.read_text("utf-8") for path in files)
    shipped = {uri for name, uri in systems.items() if f'"{uri}"' in text or f"system: {name}," in text}
    named = set(re.findall(r"\((http[^)]+)\)", read("NOTICE")))
    assert {uri for uri in shipped if not any(uri.startswith(start) for start in named)} == {"urn:cdshooks:words"}
