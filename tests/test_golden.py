"""The whole answer of every story, byte for byte but for ids and hash; and the page of all paragraphs.

A golden file changes only on purpose: run with CDSHOOKS_WRITE_GOLDEN=1, read the difference, and say
in the commit why it changed.
"""

from __future__ import annotations

import json
import os
import re
from datetime import date
from pathlib import Path

import command_page
import pytest
import yaml
from click.testing import CliRunner

from cdshooks.cli import main
from cdshooks.engine.library import load_library
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.request import hook_of, read_request
from cdshooks.hooks.service import answer

ROOT = Path(__file__).parents[1]
STORIES = sorted(path.parent for path in (ROOT / "fhir_fixtures" / "stories").glob("*/request.json"))
LIBRARY = load_library(ROOT / "cards")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def masked(body: dict[str, object]) -> str:
    """The answer as text; ids and the library's hash change with any edit and are masked."""
    text = json.dumps(body, indent=1, ensure_ascii=False)
    return _UUID.sub("<uuid>", text.replace(LIBRARY.hash, "<library>")) + "\n"


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.name)
def test_a_story_gets_the_answer_that_was_agreed(story: Path) -> None:
    as_of = date.fromisoformat(str(yaml.safe_load((story / "story.yaml").read_text("utf-8"))["as_of"]))
    body = (story / "request.json").read_bytes()
    service = service_of(hook_of(body))
    request = read_request(body, service, HOOKS[service])
    given = answer(request, LIBRARY, as_of)
    assert given.failure is None
    golden = story / "golden.json"
    if os.environ.get("CDSHOOKS_WRITE_GOLDEN"):
        golden.write_text(masked(given.body), encoding="utf-8")
    assert masked(given.body) == golden.read_text(encoding="utf-8")


def test_the_page_of_all_paragraphs_is_what_its_command_writes() -> None:
    ran = CliRunner().invoke(main, ["paragraphs", "--markdown", "--policy-library", str(ROOT / "cards")])
    assert ran.exit_code == 0
    page = ROOT / "docs" / "coverage.md"
    if os.environ.get("CDSHOOKS_WRITE_GOLDEN"):
        page.write_text(ran.stdout, encoding="utf-8")
    assert ran.stdout == page.read_text(encoding="utf-8"), "cdshooks paragraphs --markdown > docs/coverage.md"


def test_the_page_of_all_commands_is_what_they_say_of_themselves() -> None:
    page = ROOT / "docs" / "commands.md"
    if os.environ.get("CDSHOOKS_WRITE_GOLDEN"):
        page.write_text(command_page.page(), encoding="utf-8")
    assert command_page.page() == page.read_text(encoding="utf-8"), "run this with CDSHOOKS_WRITE_GOLDEN=1"
