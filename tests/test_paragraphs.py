"""Every paragraph that binds is taken care of, and some case shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cdshooks.cli.cases import read_cases
from cdshooks.cli.reach import paragraph_rows
from cdshooks.engine.appeals import DENIAL
from cdshooks.engine.library import load_library
from cdshooks.engine.policy import Policy
from cdshooks.server.settings import default_fixtures, default_library
from cdshooks.server.stories import read_stories

LIBRARY = load_library(default_library())
CASES = read_cases(LIBRARY, read_stories(default_fixtures()))
POLICIES = [pytest.param(policy, id=f"{policy.id} {policy.version}") for policy in LIBRARY.policies]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_paragraph_is_cited_or_excused(policy: Policy) -> None:
    cited = {p for c in policy.criteria for p in c.cite} | {p for o in policy.overrides for p in o.cite}
    cited |= {p for reminder, _ in policy.reminders for p in reminder.cite}
    excused = {p for paragraphs, because in policy.not_encoded for p in paragraphs if because}
    assert set(policy.outline) == cited | excused
    assert not cited & excused


@pytest.mark.parametrize("policy", POLICIES)
def test_every_paragraph_that_decides_something_is_shown_by_a_case(policy: Policy) -> None:
    if not any(case.policy == policy.id for case in CASES):
        pytest.skip(f"{policy.id} has no cases yet")
    rows = [row for row in paragraph_rows(policy, CASES, LIBRARY) if row.decides]
    assert [(row.paragraph, row.by) for row in rows if not row.cases] == []


# ---- both documents, whole

POLICY_PAPER = """
PRE.1 def.ATC def.rescue def.FDA I.A I.B.1 I.B.2 I.B.3 I.B.4 I.C II.A II.B.1 II.B.2 II.B.3 II.C II.D II.E II.F III
BG.0 BG.A BG.B BG.C BG.D BG.E BG.F F.1 F.2 F.3 F.4 CODE.1 CODE.2 CODE.3 CODE.4 NC.1 NC.2 NC.3 NC.4 NC.5
""".split()
GUIDE = [f"{part}.{n}" for part, last in (("DEN", 4), ("DOC", 5), ("MAP", 5), ("APP", 5)) for n in range(1, last + 1)]
PAPERS = {"wellcare-nc/wnc-cp-192": POLICY_PAPER, "bcbs/tecartus": GUIDE}


@pytest.mark.parametrize("policy_id", PAPERS)
def test_no_paragraph_of_either_document_is_without_a_case_or_a_reason(policy_id: str) -> None:
    policy = LIBRARY.versions(policy_id)[-1]
    rows = list(paragraph_rows(policy, CASES, LIBRARY))
    assert sorted({row.paragraph for row in rows}) == sorted(PAPERS[policy_id])
    excused = {row.paragraph for row in rows if row.by.startswith("not encoded: ")}
    shown = {row.paragraph for row in rows if row.cases}
    assert excused | shown == set(PAPERS[policy_id])


def test_the_appeal_clock_stands_beside_the_reminders_of_the_guide() -> None:
    rows = list(paragraph_rows(LIBRARY.versions("bcbs/tecartus")[-1], CASES, LIBRARY))
    for paragraph in (f"APP.{n}" for n in range(1, 6)):
        by = [row.by.split(":")[0] for row in rows if row.paragraph == paragraph]
        assert by[0] == "reminder"
        assert set(by[1:]) == {"appeal clock"}
    for paragraph in (f"DEN.{n}" for n in range(1, 5)):
        assert any(row.paragraph == paragraph and row.by == "named by a plan's answer" for row in rows)


def test_each_clock_that_counts_from_a_denial_has_a_case_before_its_last_day_and_one_after_it() -> None:
    cases = [case.expect for case in CASES if case.policy == "appeals"]
    plans = [(plan.id, rule) for plan in LIBRARY.plan_types for rule in plan.rules]
    counted = [f"{plan}/{rule.id}" for plan, rule in plans if rule.within and rule.anchor == DENIAL]
    assert len({rule.split("/")[0] for rule in counted}) >= 5
    for rule in counted:
        assert any(rule in case.get("due", ()) and rule not in case.get("passed", ()) for case in cases), rule
        assert any(rule in case.get("passed", ()) for case in cases), rule


def test_every_row_of_the_page_is_a_row_of_a_table() -> None:
    page = (Path(__file__).parents[1] / "docs" / "coverage.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert rows and all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)
