"""The order that carries coverage information back: as it was sent, with the extension, and only where it is new."""

import copy
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from parts import drug_order

from cdshooks.hooks.coverage_information import Assertion, with_coverage
from cdshooks.hooks.coverage_rules import PARTS, URL, coverage_departures

SAID = Assertion(
    coverage="Coverage/cov-1",
    covered="conditional",
    pa_needed="auth-needed",
    doc_needed="clinical",
    doc_purpose="withpa",
    info_needed=("OTH", "performer"),
    reason={"text": "why"},
    on=date(2026, 11, 21),
    decision=UUID("6f1c2c5e-3b77-5d0a-9d51-2f0f4ab2f3f1"),
)
OTHER = {"url": "http://example.org/note", "valueString": "kept"}


def held(order):
    return [e for e in order.get("extension", []) if e["url"] == URL]


def by_somebody_else(coverage="Coverage/cov-1"):
    made = replace(SAID, coverage=coverage).extension()
    parts = [p for p in made["extension"] if p["url"] != "coverage-assertion-id"]
    return {**made, "extension": [*parts, {"url": "coverage-assertion-id", "valueString": "plan-77"}]}


def test_the_extension_is_right_in_both_versions():
    for version in PARTS:
        assert [*coverage_departures(SAID.extension(), version)] == []


def test_the_order_is_echoed_as_it_was_sent_with_the_extension_last():
    order = drug_order(extension=[OTHER], note=[{"text": "unknown to us"}], somethingNew={"a": [1]})
    before = copy.deepcopy(order)
    updated = with_coverage(order, [SAID])
    assert order == before
    assert {**updated, "extension": [OTHER]} == before
    assert updated["extension"] == [OTHER, SAID.extension()]


def test_each_coverage_has_an_extension_and_an_id_of_its_own():
    second = replace(SAID, coverage="Coverage/cov-2", decision=UUID(int=7))
    updated = with_coverage(drug_order(), [SAID, second])
    ids = {p["valueString"] for e in held(updated) for p in e["extension"] if p["url"] == "coverage-assertion-id"}
    assert len(held(updated)) == len(ids) == 2


def test_nothing_is_sent_where_nothing_is_new():
    once = with_coverage(drug_order(), [SAID])
    assert with_coverage(once, [SAID]) is None
    assert with_coverage(once, [replace(SAID, on=date(2026, 11, 22), decision=UUID(int=7))]) is None
    assert with_coverage(drug_order(), []) is None


def test_while_an_order_is_written_what_was_said_of_its_documents_is_not_taken_back():
    once = with_coverage(drug_order(), [SAID])
    silent = replace(SAID, doc_needed="", doc_purpose="", reason={"text": "too early"})
    assert with_coverage(once, [silent], early=True) is None
    assert with_coverage(once, [silent]) is not None
    other = replace(silent, info_needed=("OTH",))
    assert with_coverage(once, [other], early=True)["extension"] == [other.extension()]


def test_what_we_said_before_gives_way_to_what_is_new():
    once = with_coverage(drug_order(extension=[OTHER]), [SAID])
    new = replace(SAID, doc_needed="", doc_purpose="")
    assert with_coverage(once, [new])["extension"] == [OTHER, new.extension()]


@pytest.mark.parametrize("named", ["Coverage/cov-1", "https://ehr.example.org/r4/Coverage/cov-1"])
def test_what_another_service_said_of_the_coverage_stands(named):
    assert with_coverage(drug_order(extension=[by_somebody_else(named)]), [SAID]) is None


def test_what_another_service_said_of_another_coverage_stands_beside_ours():
    theirs = by_somebody_else("Coverage/cov-11")
    assert with_coverage(drug_order(extension=[theirs]), [SAID])["extension"] == [theirs, SAID.extension()]


@pytest.mark.parametrize(
    "changed",
    [{"covered": "covered", "pa_needed": ""}, {"covered": "not-covered"}, {"pa_needed": "satisfied"}, {"coverage": ""},
     {"info_needed": ()}, {"reason": {}}, {"doc_needed": "both"}],
)  # fmt: skip
def test_what_would_break_a_rule_of_either_version_is_never_written(changed):
    with pytest.raises(ValueError, match=r"stands|q\d|codes|nothing"):
        replace(SAID, **changed).extension()


@pytest.mark.parametrize("odd", ["text", 7, [None, "x", {"url": URL}, {"url": URL, "extension": "no list"}]])
def test_an_odd_extension_on_an_order_is_left_as_it_is(odd):
    updated = with_coverage(drug_order(extension=odd), [SAID])
    assert updated["extension"] == [*(odd if isinstance(odd, list) else [odd]), SAID.extension()]


def test_the_codes_for_the_record_hold_no_words():
    assert SAID.codes() == {
        "coverage": "Coverage/cov-1",
        "covered": "conditional",
        "paNeeded": "auth-needed",
        "docNeeded": "clinical",
        "infoNeeded": ["OTH", "performer"],
        "assertionId": "cdshooks-6f1c2c5e-3b77-5d0a-9d51-2f0f4ab2f3f1",
    }
