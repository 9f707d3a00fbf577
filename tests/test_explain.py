"""A finding as a tree in plain text."""

import pytest
from parts import condition, context_of, full_chart, observation

from cdshooks.engine.determine import determine
from cdshooks.engine.explain import explain, explain_finding
from cdshooks.engine.model import Determination, Explanation, Finding, Gap, Outcome, Result, Section


def finding(outcome=Outcome.MET, explanation=None, **fields):
    made = {
        "criterion": "virus",
        "section": Section.DOCUMENTATION,
        "cite": ("B.1", "B.2"),
        "outcome": outcome,
        "reason": "because",
        "ask": "Draw the test.",
        "owner": "laboratory",
        "label": "virus test",
        "explanation": explanation,
    }
    return Finding(**made | fields)


def test_a_finding_begins_with_its_criterion_its_paragraphs_and_its_outcome():
    assert explain_finding(finding()) == "virus  [B.1, B.2]  MET"


TREE = Explanation(
    None,
    "any of",
    gap=Gap.STALE,
    children=(
        Explanation(None, "a fresh result", "newest is of June", Gap.STALE),
        Explanation(False, "a positive result", "it is negative"),
        Explanation(None, "all of", gap=Gap.MISSING, children=(Explanation(True, "deep", "deep"),)),
    ),
)


def test_the_tree_has_the_shape_of_the_rule_and_a_sentence_at_each_node():
    assert explain_finding(finding(Outcome.STALE, TREE)).splitlines() == [
        "virus  [B.1, B.2]  STALE",
        "  any of (stale)",
        "    a fresh result … newest is of June (stale)",
        "    a positive result … it is negative (no)",
        "    all of (missing)",
        "      deep (yes)",
        "  ask: Draw the test.",
    ]


@pytest.mark.parametrize(
    ("outcome", "asks"),
    [
        (Outcome.MET, False),
        (Outcome.NOT_MET, False),
        (Outcome.NOT_APPLICABLE, False),
        (Outcome.MISSING, True),
        (Outcome.STALE, True),
        (Outcome.COULD_NOT_CHECK, True),
        (Outcome.ATTEST, True),
    ],
)
def test_what_would_settle_it_is_asked_only_where_something_is_open(outcome, asks):
    assert ("ask: " in explain_finding(finding(outcome))) is asks


def test_notes_and_records_to_review_are_told():
    text = explain_finding(finding(notes=("older than our prompt",), to_review=3))
    assert "note: older than our prompt" in text
    assert "to review in the chart: 3" in text


def test_a_determination_is_all_its_findings(example):
    policy = example.in_force("example-health/gene-therapy", context_of(example).service_date)
    found = determine(policy, context_of(example, *full_chart()), example.wording)
    text = explain(found)
    assert text.count("\n\n") == len(found.findings) - 1
    for criterion in policy.criteria:
        assert f"{criterion.id}  [" in text
    assert explain(Determination(Result.READY, ())) == ""


def test_a_stale_result_is_told_with_the_days_that_would_count(example):
    policy = example.in_force("example-health/gene-therapy", context_of(example).service_date)
    found = determine(policy, context_of(example, observation(day="2026-06-30"), condition()), example.wording)
    text = explain_finding(next(f for f in found.findings if f.criterion == "virus"))
    assert "virus  [B.1]  STALE" in text
    assert "2026-06-30" in text
    assert "after 2026-08-21" in text
