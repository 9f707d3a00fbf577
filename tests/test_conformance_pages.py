"""The pages on conformance keep their word: every rule has its row, every test that is named exists."""

import re
from pathlib import Path

import pytest

from cdshooks.server.settings import default_library

ROOT = Path(__file__).parents[1]
CRD, HOOKS = (ROOT / "docs" / f"{name}-conformance.md" for name in ("crd", "cds-hooks"))
REASON = re.compile(r"Not (held|tested)\b[^:]*: \S.{20,}")
SHALLS = {
    "billopt": (2, 3),
    "conf": (2, 4, 5, 7, 8, 12, 13, 14),
    "dev": (1, 2, 4, 5, 6, 7, 8, 14, 15, 17, 18, 20, 22, 24),
    "found": (2, 8, 10, 12, 13, 14, 22, 24, 27, 28, 32, 33, 34, 37, 38),
    "hook": (4, 9, 10, 13, 16, 19, 21, 22, 24, 28, 32),
    "impl": (3,),
    "resp": (3, 4, 5, 13, 16, 17, 18, 21, 22, 23, 25, 26, 27, 29, 32, 34, 39, 40, 43, 49, 50, 51, 54, 60),
    "sec": (1, 2, 5, 6),
}
"""Every SHALL and SHALL NOT that names the server, in the guide's Requirements-fromNarrative.json of 2026-01-18."""


def rows(page):
    """(rule, held by) of each row of the last table of a page."""
    table = page.read_text("utf-8").rpartition("| rule | says | held by |\n|---|---|---|\n")[2]
    cells = [re.split(r" \| ", line.strip("| \n")) for line in table.splitlines() if line.startswith("|")]
    assert all(len(row) == 3 for row in cells)
    return [(rule, held) for rule, _, held in cells]


EVERY_ROW = [pytest.param(*row, id=row[0]) for page in (CRD, HOOKS) for row in rows(page)]


def test_every_rule_of_crd_that_binds_a_server_has_its_row():
    assert [rule for rule, _ in rows(CRD)] == [f"{kind}-{n}" for kind, numbers in SHALLS.items() for n in numbers]


def test_no_rule_of_cds_hooks_stands_twice():
    named = [rule for rule, _ in rows(HOOKS)]
    assert len(named) == len(set(named)) > 30


@pytest.mark.parametrize(("rule", "held"), EVERY_ROW)
def test_a_rule_names_tests_that_there_are_or_why_there_is_none(rule, held):
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", held)
    assert named or REASON.match(held), rule
    for file, test in named:
        assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text("utf-8"), (rule, test)


def test_the_table_of_outcomes_names_every_situation_of_the_library(shipped):
    text = CRD.read_text("utf-8")
    said = [row for row in text[text.index("## How an out") : text.index("## Cards")].splitlines() if row[:1] == "|"]
    words = {
        "authorized": "an authorization is on file",
        "inactive": "the coverage is not active",
        "payer-unread": "payer not readable",
        "no-policy": "no policy on file",
        "no-version": "no version on file",
        "untold": "product not told",
        "failure": "failure of ours",
    }
    assert default_library().joinpath("crd.yaml").is_file()
    for situation, stance in shipped.crd.provider.items():
        (row,) = [row for row in said if words.get(situation, situation) in row]
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:3] == [stance.covered, stance.pa_needed]
        assert cells[3].partition(",")[0] == stance.doc_needed


def test_the_options_of_the_page_are_those_of_the_library(shipped):
    listed = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (\w+) \|", CRD.read_text("utf-8"), re.MULTILINE)
    assert listed == [(o.code, o.type, str(o.default).lower()) for o in shipped.crd.options]
