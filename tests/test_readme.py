"""The README keeps its word: commands, settings, endpoints, prefetch and the card that it shows."""

import json
import re
from pathlib import Path

import pytest

from cdshooks.cli.command import main
from cdshooks.engine.library import load_library
from cdshooks.hooks.discovery import HOOKS, services
from cdshooks.server.settings import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
LIBRARY = load_library(ROOT / "cards")


def section(title: str) -> str:
    """The text under a heading, up to the next one of its level."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_two_commands_stand_at_the_top_and_make_knows_them():
    top = README.split("\n## ", 1)[0]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in ("demo", "test"):
        assert f"make {command} " in top
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)
    assert "pip install -e '.[test]'" in top


def test_every_setting_has_its_row_and_there_is_no_other():
    assert {row[0].strip("`") for row in rows(section("Settings"))} == {setting.name for setting in SETTINGS}


def test_every_command_has_its_row_and_there_is_no_other():
    named = {re.match(r"`cdshooks ([a-z]+)", row[0])[1] for row in rows(section("Commands"))}
    assert named == set(main.commands)


@pytest.mark.parametrize("service", sorted(HOOKS))
def test_every_service_has_its_row(service):
    assert f"`POST /cds-services/{service}`" in section("HTTP")


def test_the_prefetch_to_type_in_is_the_one_that_discovery_offers():
    offered = next(s for s in services(LIBRARY)["services"] if s["hook"] == "order-sign")["prefetch"]
    typed = {row[0].strip("`"): row[1].strip("`") for row in rows(section("Connect an EHR"))}
    assert typed == offered


def test_the_card_that_is_shown_is_the_card_that_is_sent():
    golden = json.loads((ROOT / "fhir_fixtures/stories/mcl-missing-three/golden.json").read_text("utf-8"))
    (card,) = golden["cards"]
    shown = "\n".join(line.removeprefix("> ").removeprefix(">") for line in README.splitlines() if line.startswith(">"))
    summary, _, detail = shown.partition("\n\n")
    assert summary == card["summary"]
    assert card["detail"].startswith(detail.strip())


def test_every_file_that_is_named_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).is_file(), target
