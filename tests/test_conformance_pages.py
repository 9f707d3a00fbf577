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
    "dev": (1, 2, 4, 5, 6, 7, 8, 14, 15, 17, 20, 24),
    "found": (2, 9, 11, 13, 14, 15, 24, 29, 32, 33, 34, 37, 38),
    "hook": (4, 9, 10, 13, 16, 19, 22, 23, 26, 33, 39),
    "impl": (3,),
    "resp": (
        *(3, 4, 5, 13, 14, 17, 18, 19, 22, 23, 24, 25, 26, 28, 29, 30, 32, 35, 37, 43, 44, 45, 47, 48, 52),
        *(55, 56, 57, 58, 59, 62, 65, 69, 71, 72),
    ),
    "sec": (1, 2, 5, 6),
}
"""Every SHALL and SHALL NOT of 2.2.1 that names the server, 84, and two of its organization: conf-14 and found-38."""
OLDER = (
    *(3, 4, 5, 6, 7, 8, 9, 10, 11, 23, 24, 26, 27, 34, 35, 36, 42, 57, 60, 63, 76, 77, 78, 79, 80, 83, 84, 85, 86, 87),
    *(88, 89, 93, 94, 100, 108, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 128, 129, 131, 135),
    *(140, 152, 153, 158, 162, 163, 164, 167, 168, 169, 170, 184, 185, 196, 204, 207, 208, 217, 226, 232, 247, 248),
    *(249, 252, 258, 259, 262, 264, 265, 267, 272, 273, 274, 275, 276, 277, 279, 299, 305, 306),
)
"""Every SHALL and SHALL NOT of 2.0.1 that names the server, by its number in the test kit's requirements."""


OF_CDS_HOOKS = (
    *("transport", "fhir-json", "no-empty"),
    *("discovery-path", "discovery-fields", "same-id", "hook-version", "selection-choice"),
    *("tokens", "of-type", "dependencies", "what-arrived", "prefetch-states", "precondition"),
    *("request-fields", "hook-instance", "token-transient", "scopes", "registration", "one-patient"),
    *("success", "summary", "detail", "indicator", "source", "selection-behavior", "override-display"),
    *("suggestion-label", "recommended", "whole-update", "transaction", "action", "coding", "link", "autolaunch"),
    *("system-actions", "extension", "feedback-fields", "feedback-reason", "feedback-repeat"),
    *("authentication", "jwt-header", "jwt-claims", "jwt-algorithms", "jwt-once", "errors"),
    *("signed-again", "selections", "dispatched", "unknown-context"),
)
"""What binds a service: JSON, discovery, prefetch, the call, the answer, feedback, trust, the order hooks."""


def rows(page, heading="rule"):
    """(rule, held by) of each row of the table of a page that begins with a heading."""
    table = (
        page.read_text("utf-8").partition(f"| {heading} | says | held by |\n|---|---|---|\n")[2].partition("\n\n")[0]
    )
    cells = [re.split(r" \| ", line.strip("| \n")) for line in table.splitlines()]
    assert all(len(row) == 3 for row in cells)
    return [(rule, held) for rule, _, held in cells]


BY_VERSION = [*rows(CRD), *rows(HOOKS), *rows(CRD, "2.0.1")]
EVERY_ROW = [pytest.param(*row, id=row[0]) for row in BY_VERSION if not row[1].startswith("as ")]


def test_every_rule_of_crd_that_binds_a_server_has_its_row():
    assert [rule for rule, _ in rows(CRD)] == [f"{kind}-{n}" for kind, numbers in SHALLS.items() for n in numbers]


def test_the_server_s_rules_of_crd_2_2_1_are_84():
    assert sum(map(len, SHALLS.values())) == 84 + len(("conf-14", "found-38"))


def test_every_rule_of_the_older_crd_has_its_row_or_is_held_as_one_of_the_newer():
    table = rows(CRD, "2.0.1")
    assert sorted(int(number) for numbers, _ in table for number in numbers.split(", ")) == sorted(OLDER)
    named = {rule for rule, _ in rows(CRD)}
    assert {held.removeprefix("as ") for _, held in table if held.startswith("as ")} <= named


def test_every_rule_of_cds_hooks_that_binds_a_service_has_its_row_once():
    assert sorted(rule for rule, _ in rows(HOOKS)) == sorted(OF_CDS_HOOKS)


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
