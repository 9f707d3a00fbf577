"""The README and the pages of reference keep their word: commands, settings, routes, and the card that is shown."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
from flask import Flask
from pages import ROOT, links, read, rows, section

from cdshooks.cli.command import main
from cdshooks.engine.library import load_library
from cdshooks.hooks.discovery import HOOKS
from cdshooks.server.app import create_app
from cdshooks.server.settings import SETTINGS, default_library, read_settings

README = read("README.md")
SERVICE = "/cds-services/<service_id>"
NO_PAGES = {".png", ".py"}  # of docs/: pictures, and what draws them


@cache
def demo() -> Flask:
    """The service in demo mode, which has every route."""
    return create_app(read_settings({"CDSHOOKS_MODE": "demo"}), load_library(default_library()))


def served() -> set[str]:
    """Every route as method and path; one for each CDS service."""
    found = set()
    for rule in demo().url_map.iter_rules():
        paths = [f"/cds-services/{service}" for service in HOOKS] if rule.rule == SERVICE else [rule.rule]
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        found |= {f"{method} {path}" for path in paths for method in methods}
    return {re.sub(r"<[^>]+>", "{}", route) for route in found}


def test_a_newcomer_reads_it_in_five_minutes():
    assert len(README.splitlines()) <= 200, "move what only some readers need to a page of docs/"


def test_the_two_commands_stand_at_the_top_and_make_knows_them():
    top = README.split("\n## ", 1)[0]
    for command in ("demo", "test"):
        assert f"make {command} " in top
        assert re.search(rf"^{command}:", read("Makefile"), re.MULTILINE)
    assert "pip install -e '.[test]'" in top


def test_every_setting_has_its_row_in_docs_settings_and_there_is_no_other():
    told = [row[0].strip("`") for row in rows(read("docs/settings.md"))]
    assert told == [setting.name for setting in SETTINGS]


def test_every_route_has_its_row_in_docs_http_and_there_is_no_other():
    cells = [row[0] for row in rows(read("docs/http.md").split("\n## ", 1)[0])]
    told = [re.sub(r"{[^}]+}", "{}", route) for cell in cells for route in re.findall(r"`([A-Z]+ /[^`]*)`", cell)]
    assert sorted(told) == sorted(served())


def test_every_status_has_its_row_in_docs_http():
    paths = demo().test_client().get("/openapi.json").json["paths"].values()
    answered = {
        status for path in paths for does in path.values() if "responses" in does for status in does["responses"]
    }
    told = set(re.findall(r"\b\d{3}\b", " ".join(re.findall(r"^\| (\d[^|]+) \|", read("docs/http.md"), re.MULTILINE))))
    assert answered - {"200"} <= told


def test_every_page_of_docs_stands_in_its_index():
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*") if path.is_file()}
    wanted = {name for name in there if not any(name.endswith(ending) for ending in NO_PAGES)} - {"README.md"}
    assert wanted - set(links(read("docs/README.md"))) == set()


def test_every_command_has_its_section_in_docs_commands():
    told = {title.split()[1] for title in re.findall(r"^## (cdshooks .+)$", read("docs/commands.md"), re.MULTILINE)}
    assert told == set(main.commands), "CDSHOOKS_WRITE_GOLDEN=1 python -m pytest tests/test_golden.py writes it"


@pytest.mark.parametrize("service", sorted(HOOKS))
def test_every_service_is_named(service):
    assert f"`{service}`" in section(README, "Connect an EHR")


def test_the_card_that_is_shown_is_the_card_that_is_sent():
    (card,) = json.loads(read("fhir_fixtures/stories/mcl-missing-three/golden.json"))["cards"]
    shown = "\n".join(line.removeprefix("> ").removeprefix(">") for line in README.splitlines() if line.startswith(">"))
    summary, _, detail = shown.partition("\n\n")
    assert summary == card["summary"]
    assert card["detail"].startswith(detail.strip())
