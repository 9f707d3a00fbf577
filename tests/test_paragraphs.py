"""Every paragraph that binds is taken care of, and some case shows it."""

from __future__ import annotations

import pytest

from cdshooks.cli.cases import read_cases
from cdshooks.cli.reach import paragraph_rows
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
    rows = [row for row in paragraph_rows(policy, CASES) if row.decides]
    assert [(row.paragraph, row.by) for row in rows if not row.cases] == []
