"""Cases of the appeal clock: how a denial is changed, and what is compared."""

import pytest

from cdshooks.cli.appeal_cases import appeal_mismatches, deny, named_rules
from cdshooks.hooks.service import Answer

RULES = [
    {"rule": "appeal", "length": "60 days", "due": "2027-01-01", "passed": False},
    {"rule": "review", "length": "120 days"},
]
APPEAL = {
    "planTypes": [{"id": "plan", "rules": RULES}],
    "always": [{"rule": "urgency"}],
    "reasons": [{"cite": "DEN.1"}],
    "rows": ["MAP.2", "MAP.1"],
}
GIVEN = Answer({"cards": [{"extension": {}}, {"extension": {"org.cdshooks.appeal": APPEAL}}]})


def said(**expect):
    return [str(mismatch) for mismatch in appeal_mismatches(expect, GIVEN)]


@pytest.mark.parametrize(
    "expect",
    [
        {"plan_types": ["plan"], "reasons": ["DEN.1"], "first_row": "MAP.2"},
        {"due": {"plan/appeal": "2027-01-01"}, "length": {"plan/appeal": "60 days"}},
        {"length": {"plan/review": "120 days"}},
        {"rules": ["urgency", "plan/review"], "no_rules": ["plan/other"]},
    ],
)
def test_what_is_as_expected_is_no_mismatch(expect):
    assert said(**expect) == []


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ({"plan_types": []}, "plan_types: expected [], came ['plan']"),
        ({"reasons": []}, "reasons: expected [], came ['DEN.1']"),
        ({"first_row": "MAP.1"}, "first_row: expected MAP.1, came MAP.2"),
        ({"due": {"plan/appeal": "2027-01-02"}}, "plan/appeal, due: expected 2027-01-02, came 2027-01-01"),
        ({"due": {"plan/review": "2027-01-02"}}, "plan/review, due: expected 2027-01-02, came None"),
        ({"length": {"plan/review": "4 months"}}, "plan/review, length: expected 4 months, came 120 days"),
        ({"length": {"plan/appeal": "60 days"}}, "plan/appeal, due: expected no day, came 2027-01-01"),
        ({"passed": ["plan/appeal"]}, "plan/appeal, passed: expected True, came False"),
        ({"rules": ["plan/other"]}, "rules: expected plan/other, came plan/appeal, plan/review, urgency"),
        ({"no_rules": ["urgency"]}, "rules: expected not urgency, came urgency"),
    ],
)
def test_what_is_not_is_told_with_what_came(expect, told):
    assert said(**expect) == [told]


def test_an_answer_without_a_denial_has_nothing_that_is_expected():
    empty = list(appeal_mismatches({"plan_types": ["plan"], "rules": ["urgency"]}, Answer({"cards": []})))
    assert [str(m) for m in empty] == ["plan_types: expected ['plan'], came []", "rules: expected urgency, came none"]


def test_a_case_names_each_rule_of_which_it_expects_something():
    expect = {
        "due": {"a/x": "2027-01-01"},
        "length": {"a/y": "60 days"},
        "passed": ["a/x"],
        "rules": ["z"],
        "card": ["q"],
    }
    assert named_rules(expect) == {"a/x", "a/y", "z"}


def test_a_denial_is_changed_in_the_answer_its_request_and_the_coverage():
    kinds = ("ClaimResponse", "Claim", "Coverage")
    answer, claim, coverage = made = [{"resourceType": kind, "id": "1"} for kind in kinds]
    body = {"prefetch": {r["resourceType"]: {"resourceType": "Bundle", "entry": [{"resource": r}]} for r in made}}
    changes = {"payer": "A", "plan": "B", "use": "claim", "denied_on": "2026-01-02", "reason": "C"}
    for key, value in changes.items():
        deny(body, key, value)
    assert answer["insurer"] == claim["insurer"] == {"display": "A"}
    assert (coverage["payor"], coverage["type"]) == ([{"display": "A"}], {"text": "B"})
    assert answer["use"] == claim["use"] == "claim"
    assert (answer["created"], answer["disposition"]) == ("2026-01-02", "C")
    assert "created" not in claim
