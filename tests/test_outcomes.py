"""Each criterion of each policy has a case for every outcome that it can reach.

What an expression can come to is worked out from the policy file, form by form; what no chart can bring about is
excused by name, with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cdshooks.cli.cases import read_cases
from cdshooks.cli.reach import expected_outcomes
from cdshooks.engine.library import load_library
from cdshooks.engine.model import Gap, Outcome
from cdshooks.engine.source import read_yaml
from cdshooks.server.settings import default_fixtures, default_library
from cdshooks.server.stories import read_stories

LIBRARY = load_library(default_library())
CASES = read_cases(LIBRARY, read_stories(default_fixtures()))
VERSIONS = [policy for policy in LIBRARY.policies if policy.status == "active"]

Reach = frozenset[bool | Gap]

ATTEST, UNREAD, STALE, MISSING = Gap.ATTEST, Gap.COULD_NOT_CHECK, Gap.STALE, Gap.MISSING
LOOKED_FOR = {True, ATTEST, UNREAD, MISSING}
DATED = ("newer_than", "no_older_than")


def observation(filters: Mapping[str, Any]) -> set[bool | Gap]:
    dated = {STALE} if any(word in filters for word in DATED) else set()
    told = LOOKED_FOR if decides(filters["code"]) else LOOKED_FOR - {True}
    return told | dated | ({False} if "contradicts" in filters else set())


def decides(code: str | list[str]) -> bool:
    """Whether any code of the sets may decide: some sets have none, and only find a record by its name."""
    named = [code] if isinstance(code, str) else code
    sets = [LIBRARY.value_sets[one.removeprefix("vs/")] for one in named]
    return any(concept.decides for one in sets for concept in one.concepts.values())


def report(filters: Mapping[str, Any]) -> set[bool | Gap]:
    return LOOKED_FOR | ({STALE} if any(word in filters for word in DATED) else set())


def condition(filters: Mapping[str, Any]) -> set[bool | Gap]:
    return LOOKED_FOR | ({False} if "contradicted_by" in filters else set())


def passage(filters: Mapping[str, Any]) -> set[bool | Gap]:
    return LOOKED_FOR if "concludes" in filters else LOOKED_FOR - {True}


def document(filters: Mapping[str, Any]) -> set[bool | Gap]:
    return LOOKED_FOR if "type" in filters else LOOKED_FOR - {True}


def product(filters: Mapping[str, Any]) -> set[bool | Gap]:
    if "indication" in filters:
        return LOOKED_FOR | {False}
    return {True, False, ATTEST} if "approved" in filters else {True, False}


def center(filters: Mapping[str, Any]) -> set[bool | Gap]:
    if "rems" in filters:
        return {True, False, MISSING}
    return {True, MISSING} if "fact" in filters else {True, STALE, Gap(filters["absent"])}


FORMS = {
    "observation": observation,
    "report": report,
    "procedure": report,
    "condition": condition,
    "passage": passage,
    "document": document,
    "product": product,
    "center": center,
    "measurement": lambda filters: LOOKED_FOR,
    "history": lambda filters: LOOKED_FOR - {True},
    "order": lambda filters: {True, ATTEST},
    "patient": lambda filters: {True, False, UNREAD, ATTEST},
    "prior_infusion": lambda filters: LOOKED_FOR,
    "planned_transplant": lambda filters: LOOKED_FOR,
    "hint": lambda filters: {Gap(filters.get("gap", "attest")), MISSING},
    "look_alike": lambda filters: reach(filters["when"]),
    "authored": lambda filters: reach(filters["when"]) | {ATTEST},
}


def reach(expression: Mapping[str, Any]) -> Reach:
    """What an expression can come to: true, false, or unknown for a reason."""
    ((word, inside),) = expression.items()
    if word not in ("all", "any"):
        return frozenset(FORMS[word](inside))
    parts = [reach(part) for part in inside]
    gaps = {found for part in parts for found in part if isinstance(found, Gap)}
    if word == "any" and any(MISSING not in part for part in parts):
        gaps -= {MISSING}
    one, every = any, all
    holds, fails = (every, one) if word == "all" else (one, every)
    truths = {
        truth for truth, quantified in ((True, holds), (False, fails)) if quantified(truth in part for part in parts)
    }
    return frozenset(gaps | truths)


def outcomes(row: Mapping[str, Any], section: str) -> set[Outcome]:
    """Every outcome that the criterion of one row of a policy can have."""
    found = reach(row["when"]) if "when" in row else frozenset({ATTEST})
    made = {_outcome(one, section) for one in found}
    if "only_if" in row:
        asked = reach(row["only_if"])
        made |= {Outcome.NOT_APPLICABLE} if False in asked else set()
        made |= {Outcome.COULD_NOT_CHECK} if UNREAD in asked else set()
        made |= {Outcome.ATTEST} if asked & {ATTEST, MISSING} else set()
    return made | ({Outcome.NOT_APPLICABLE} if "about" in row else set())


def _outcome(found: bool | Gap, section: str) -> Outcome:
    if section == "exclusions":
        told = {True: Outcome.NOT_MET, False: Outcome.MET, UNREAD: Outcome.COULD_NOT_CHECK}
        return told.get(found, Outcome.ATTEST)
    told = {True: Outcome.MET, False: Outcome.NOT_MET}
    return told[found] if isinstance(found, bool) else Outcome(found.value)


EXCUSED = {
    (
        "bcbs/tecartus",
        "organ-labs",
        Outcome.ATTEST,
    ): "every code of it decides, and its values may differ",
}


def criteria() -> list[Any]:
    made = []
    for policy in VERSIONS:
        data = read_yaml(LIBRARY.path / policy.file, policy.file).data
        for section in ("coverage", "exclusions", "documentation"):
            for row in data.get(section, []):
                name = f"{policy.id}: {row['id']}"
                made.append(pytest.param(policy.id, row["id"], outcomes(row, section), id=name))
    return made


@pytest.mark.parametrize(("policy", "criterion", "possible"), criteria())
def test_a_criterion_has_a_case_for_every_outcome_that_it_can_reach(policy, criterion, possible):
    expected = {
        found for case in CASES if case.policy == policy for name, found in expected_outcomes(case) if name == criterion
    }
    wanted = {outcome for outcome in possible if (policy, criterion, outcome) not in EXCUSED}
    assert sorted(wanted - expected) == [], "no case expects these"
    assert sorted(expected - possible) == [], "a case expects what cannot be"
