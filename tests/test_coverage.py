"""Which payer, and which of its policies, an order is checked against."""

from dataclasses import replace

import pytest
from parts import (
    answer_to,
    bundle,
    cards_of,
    coverage,
    determination_of,
    drug_order,
    findings_of,
    patient,
    prefetch_of,
)

GENE = "example-health/gene-therapy"
LABEL = "fda/label"
IDENTIFIER = {"system": "http://example.org/payers", "value": "EX1"}
INSURER = {"resourceType": "Organization", "id": "ins", "name": "Example Health Plan"}


def chosen(library, *coverages, order=None, **fields):
    """(policy, version, payer) of every determination, primary first."""
    sent = prefetch_of(patient(), *coverages)
    answered = answer_to(library, order or drug_order(), prefetch=fields.pop("prefetch", sent), **fields)
    assert answered.failure is None
    return [(made.policy_id, made.policy_version, made.payer) for made in answered.determinations]


def only(library, *coverages, **fields):
    ((policy, _, _),) = chosen(library, *coverages, **fields)
    return policy


@pytest.mark.parametrize(
    ("made", "policy"),
    [
        (coverage("Example Health Plan"), GENE),
        (coverage("Example Health Medicare"), LABEL),
        (coverage("Somebody Else"), LABEL),
        (coverage(None, payor=[{"reference": "#ins"}], contained=[INSURER]), GENE),
        (coverage(None, payor=[{"reference": "Organization/ins"}]), LABEL),  # an insurer that was not sent
        (coverage(None, payor={"display": "Example Health"}), GENE),  # an object where a list belongs
        (coverage(None, insurer={"display": "Example Health"}), GENE),
        (coverage("Somebody", payor=[{"identifier": IDENTIFIER, "display": "x"}]), GENE),
        (coverage("Somebody", **{"class": [{"name": "Example Health Gold"}]}), GENE),
        (coverage("Somebody", **{"class": [{"type": {"coding": [{"code": "plan"}]}, "value": "EXGOLD"}]}), GENE),
        (coverage("Somebody", **{"class": [{"type": {"coding": [{"code": "group"}]}, "value": "EXGOLD"}]}), LABEL),
        (coverage(None, type={"text": "Example Health"}), GENE),
    ],
)  # fmt: skip
def test_a_payer_is_recognised_by_identifier_name_or_plan_class(example, made, policy):
    assert only(example, made) == policy


def test_an_insurer_that_was_sent_beside_the_coverage_is_found(example):
    made = coverage(None, payor=[{"reference": "Organization/ins"}])
    sent = prefetch_of(patient()) | {"coverage": bundle(made, {"resource": INSURER, "search": {"mode": "include"}})}
    assert only(example, prefetch=sent) == GENE


def test_an_unknown_payer_is_named_and_gets_the_label(example):
    answered = answer_to(example, prefetch=prefetch_of(patient(), coverage("Somebody Else")))
    (card,) = cards_of(answered)
    assert "No policy of Somebody Else is on file" in card["detail"]
    assert "Somebody Else" in card["summary"]
    assert set(findings_of(card)) == {"fda-approved", "indication", "center"}


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"coverage": None},
        {"coverage": bundle()},
        {"coverage": {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}},
        {"coverage": bundle(coverage(None))},
        {"coverage": bundle(coverage(beneficiary={"reference": "Patient/p2"}))},
        {"coverage": bundle(coverage(status="entered-in-error"))},
        {"coverage": bundle(coverage(status="draft"))},
    ],
)
def test_without_a_readable_coverage_the_first_line_says_that_nothing_was_checked(example, sent):
    prefetch = {key: value for key, value in prefetch_of(patient()).items() if key != "coverage"} | sent
    (card,) = cards_of(answer_to(example, prefetch=prefetch))
    found = determination_of(card)
    assert found["policy"]["id"] == LABEL
    assert found["outcome"] == "could-not-check"
    assert card["detail"].splitlines()[0].startswith("The payer could not be read; its criteria were not checked.")
    assert card["indicator"] == "warning"


@pytest.mark.parametrize(
    ("period", "policy"),
    [
        ({"start": "2026-01-01"}, GENE),
        ({"start": "2026-12-01", "end": "2026-12-01"}, GENE),
        ({"start": "2026-12-02"}, LABEL),
        ({"end": "2026-11-30"}, LABEL),
        ({"end": "2026-12"}, GENE),
        ({"start": "2027"}, LABEL),
        ({}, GENE),
        (None, GENE),
        ("text", GENE),
    ],
)
def test_a_coverage_counts_while_it_is_active_on_the_service_date(example, period, policy):
    assert only(example, coverage(period=period)) == policy


def test_the_order_s_own_insurance_comes_before_all_others(example):
    ours, other = coverage("Somebody Else", "c1"), coverage("Example Health Plan", "c2")
    for name, policy in (("c1", LABEL), ("c2", GENE)):
        order = drug_order(insurance=[{"reference": f"Coverage/{name}"}])
        assert only(example, ours, other, order=order) == policy


def test_an_insurance_that_was_not_sent_leaves_the_others(example):
    order = drug_order(insurance=[{"reference": "Coverage/nowhere"}])
    assert only(example, coverage(), order=order) == GENE


def test_a_coverage_may_be_contained_in_the_order(example):
    inside = coverage("Example Health Plan", "in")
    order = drug_order(insurance=[{"reference": "#in"}], contained=[inside])
    assert only(example, coverage("Somebody Else", "c1"), order=order) == GENE


def test_an_inactive_insurance_of_the_order_is_used_and_said(example):
    order = drug_order(insurance=[{"reference": "Coverage/cov-1"}])
    sent = prefetch_of(patient(), coverage(period={"end": "2026-11-30"}))
    (card,) = cards_of(answer_to(example, order, prefetch=sent))
    assert determination_of(card)["policy"]["id"] == GENE
    assert "not active on 2026-12-01" in card["detail"]


def test_coverages_stand_in_their_order_of_benefits(example):
    first, second = coverage("Somebody Else", "c1", order=2), coverage("Example Health Plan", "c2", order=1)
    for sent in ([first, second], [second, first]):
        assert [policy for policy, _, _ in chosen(example, *sent)] == [GENE, LABEL]


def test_medicaid_comes_last_where_no_order_is_given_and_that_is_said_as_assumed(example):
    medicaid, other = coverage("Example State Plan", "c1"), coverage("Somebody Else", "c2")
    for sent in ([medicaid, other], [other, medicaid]):
        assert [policy for policy, _, _ in chosen(example, *sent)] == [LABEL, GENE]
        for card in cards_of(answer_to(example, prefetch=prefetch_of(patient(), *sent))):
            assert "order of benefits" in card["detail"]


def test_nothing_is_assumed_of_one_coverage_or_of_an_order_that_was_given(example):
    medicaid, other = coverage("Example State Plan", "c1", order=1), coverage("Somebody Else", "c2", order=2)
    assert [policy for policy, _, _ in chosen(example, medicaid, other)] == [GENE, LABEL]
    for sent in ([medicaid, other], [coverage("Example State Plan", "c1")]):
        for card in cards_of(answer_to(example, prefetch=prefetch_of(patient(), *sent))):
            assert "order of benefits" not in card["detail"]


def test_each_coverage_gets_its_own_determination(example):
    sent = [coverage("Example Health Plan", "c1"), coverage("Somebody Else", "c2"), coverage("Third Insurer", "c3")]
    assert sorted(policy for policy, _, _ in chosen(example, *sent)) == sorted([GENE, LABEL, LABEL])
    assert len(cards_of(answer_to(example, prefetch=prefetch_of(patient(), *sent)))) == 3


def test_the_same_payer_twice_is_one_determination(example):
    assert len(chosen(example, coverage(id_="c1"), coverage(id_="c2"))) == 1


THIS_YEAR, HALF_YEAR = {"start": "2026-01-01", "end": "2026-12-31"}, {"start": "2026-01-01", "end": "2026-06-30"}


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (THIS_YEAR, HALF_YEAR, True),
        ({}, HALF_YEAR, True),
        (None, HALF_YEAR, True),
        (THIS_YEAR, {"start": "2025-01-01", "end": "2025-12-31"}, False),  # last year's coverage, renewed
        (THIS_YEAR, {"start": "2027-01-01"}, False),
        (THIS_YEAR, THIS_YEAR, False),
        (THIS_YEAR, {"start": "2026"}, False),
    ],
)
def test_two_coverages_of_one_payer_that_disagree_about_the_day_are_said(example, first, second, said):
    sent = [coverage(id_="c1", period=first), coverage(id_="c2", period=second)]
    for insurance in (None, [{"reference": "Coverage/c1"}]):
        for order in (sent, sent[::-1]):
            signed = drug_order(insurance=insurance)
            (card,) = cards_of(answer_to(example, signed, prefetch=prefetch_of(patient(), *order)))
            assert ("2026-01-01 to 2026-06-30, without 2026-12-01" in card["detail"]) is said


def test_coverages_of_two_payers_or_of_one_that_counts_for_nothing_do_not_disagree(example):
    ours = coverage(id_="c1", period=THIS_YEAR)
    for other in (
        coverage("Somebody Else", "c2", period=HALF_YEAR),
        coverage(id_="c2", period=HALF_YEAR, status="entered-in-error"),
        coverage(id_="c2", period=HALF_YEAR, beneficiary={"reference": "Patient/p2"}),
    ):
        for card in cards_of(answer_to(example, prefetch=prefetch_of(patient(), ours, other))):
            assert "Another coverage of this payer" not in card["detail"]


@pytest.mark.parametrize(
    ("day", "version"), [("2025-12-31", "2025-01"), ("2026-01-01", "2026-01"), ("2026-12-01", "2026-01")]
)
def test_the_version_is_that_of_the_service_date(example, day, version):
    order = drug_order(day=day)
    assert chosen(example, coverage(), order=order) == [(GENE, version, "Example Health")]


def test_before_the_first_version_there_is_no_version_on_file_for_that_day(example):
    sent = prefetch_of(patient(), coverage())
    (card,) = cards_of(answer_to(example, drug_order(day="2024-12-31"), prefetch=sent))
    assert "no version on file for that day" in card["detail"]
    found = determination_of(card)
    assert (found["outcome"], found["findings"], found["policy"]["id"]) == ("could-not-check", [], GENE)


def test_a_successor_is_recognised_from_its_day(example):
    sent = prefetch_of(patient(), coverage("Sample Health"))
    assert only(example, prefetch=sent, order=drug_order(day="2026-06-30")) == LABEL
    assert only(example, prefetch=sent, order=drug_order(day="2026-07-01")) == GENE


def test_what_a_name_says_stands_on_the_card(example):
    (card,) = cards_of(answer_to(example, prefetch=prefetch_of(patient(), coverage("Sample Health"))))
    assert "Sample Health took over Example Health Plan on 2026-07-01." in card["detail"]


def test_a_policy_for_one_product_alone_sends_the_others_to_the_label(example):
    narrow = tuple(replace(p, products=frozenset(["samplecel"])) if p.id == GENE else p for p in example.policies)
    library = replace(example, policies=narrow)
    assert only(library, coverage()) == LABEL
    assert only(library, coverage(), order=drug_order("900011")) == GENE
    (card,) = cards_of(answer_to(library, prefetch=prefetch_of(patient(), coverage())))
    assert "no policy on file for this product" in card["detail"]


@pytest.mark.parametrize(
    ("payer", "day", "policy"),
    [
        ("WellCare of North Carolina", "2026-12-01", "wellcare-nc/wnc-cp-192"),
        ("WellCare Medicare (North Carolina)", "2026-12-01", LABEL),
        ("Healthy Blue (NC Medicaid)", "2026-12-01", LABEL),
        ("Blue Medicare Advantage", "2026-12-01", LABEL),
        ("Carolina Complete Health", "2026-03-31", LABEL),
        ("Carolina Complete Health", "2026-04-01", "wellcare-nc/wnc-cp-192"),
        ("Aetna", "2026-12-01", LABEL),
    ],
)
def test_the_shipped_payers_and_their_namesakes(shipped, payer, day, policy):
    order = drug_order("2387347", day)
    assert only(shipped, coverage(payer), order=order) == policy


def test_the_standing_of_the_shipped_policy_is_said_from_the_merger_on(shipped):
    for day, said in (("2026-03-31", False), ("2026-04-01", True), ("2026-12-01", True)):
        sent = prefetch_of(patient(), coverage("WellCare of North Carolina"))
        (card,) = cards_of(answer_to(shipped, drug_order("2387347", day), prefetch=sent))
        assert ("merged into Carolina Complete Health" in card["detail"]) is said
        assert determination_of(card)["policy"]["standing"] == ("unconfirmed" if said else "assumed")
        assert "11A-17" in card["detail"]


@pytest.mark.parametrize(
    ("period", "told"),
    [({"end": "2026-11-30"}, "to 2026-11-30"), ({"start": "2027-01-01"}, "from 2027-01-01")],
)
def test_a_coverage_that_is_not_active_on_the_day_is_named_and_is_not_called_unreadable(example, period, told):
    (card,) = cards_of(
        answer_to(example, prefetch=prefetch_of(patient()) | {"coverage": bundle(coverage(period=period))})
    )
    first = card["detail"].splitlines()[0]
    assert first.startswith("No coverage that was sent is active on 2026-12-01 (Example Health Plan")
    assert told in first
    assert "no coverage active on the service date" in card["summary"]
    assert determination_of(card)["outcome"] == "could-not-check"


def told(library, *coverages, order=None, **more):
    """The detail of the first card of an order under some coverages."""
    sent = prefetch_of(patient(), *coverages) | more
    return cards_of(answer_to(library, order or drug_order(), prefetch=sent))[0]["detail"]


ENDED = {"start": "2024-01-01", "end": "2025-12-31"}


def test_an_inactive_insurance_of_the_order_names_those_that_are_active(example):
    order = drug_order(insurance=[{"reference": "Coverage/c1"}])
    text = told(example, coverage(id_="c1", period=ENDED), coverage("Somebody Else", "c2"), order=order)
    assert "not active on 2026-12-01" in text
    assert "Active on that day: Somebody Else; name on the order the coverage that pays." in text
    assert "Active on that day" not in told(example, coverage(id_="c1", period=ENDED), order=order)


def test_a_coverage_does_not_disagree_with_itself(example):
    order = drug_order(insurance=[{"reference": "Coverage/c1"}])
    assert "Another coverage" not in told(example, coverage(id_="c1", period=ENDED), order=order)


@pytest.mark.parametrize("status", ["cancelled", "draft", "entered-in-error"])
def test_an_insurance_of_the_order_that_does_not_stand_leaves_the_active_ones(example, status):
    order = drug_order(insurance=[{"reference": "Coverage/c1"}])
    sent = [coverage("Somebody Else", "c1", status=status), coverage(id_="c2")]
    assert only(example, *sent, order=order) == GENE
    assert "named on the order is marked as not in force" in told(example, *sent, order=order)


@pytest.mark.parametrize(("status", "said"), [("cancelled", True), ("draft", False), ("entered-in-error", False)])
def test_a_coverage_that_does_not_stand_is_named_with_its_status(example, status, said):
    text = told(example, coverage(status=status))
    assert (f"(Example Health Plan: marked {status})" in text) is said
    assert ("The payer could not be read" in text) is not said


def test_a_plan_of_medicaid_that_the_library_does_not_know_comes_last_as_well(example):
    medicaid, other = coverage("Elsewhere", "c1", type={"text": "Managed Medicaid"}), coverage("Somebody Else", "c2")
    for sent in ([medicaid, other], [other, medicaid]):
        assert [payer for _, _, payer in chosen(example, *sent)] == ["Somebody Else", "Elsewhere"]
        assert "order of benefits" in told(example, *sent)


def test_where_not_every_coverage_was_sent_that_is_said(example):
    page = bundle(coverage(), link=[{"relation": "next", "url": "https://ehr.example.org/r4?page=2"}])
    assert "another plan may pay first" in told(example, coverage=page)
    named = drug_order(insurance=[{"reference": "Coverage/cov-1"}])
    assert "another plan may pay first" not in told(example, coverage=page, order=named)


@pytest.mark.parametrize(
    "payor",
    [
        {"reference": "Patient/p1", "display": "Robin Synthetic"},
        {"reference": "RelatedPerson/r1", "display": "Robin Synthetic"},
        {"type": "Patient", "display": "Robin Synthetic"},
    ],
)
def test_a_person_who_pays_is_no_payer_and_is_not_named(example, payor):
    text = told(example, coverage(None, payor=[payor]))
    assert "Robin" not in text
    assert "The payer could not be read" in text
    assert only(example, coverage(None, payor=[payor, {"display": "Example Health Plan"}])) == GENE


def test_a_payer_is_known_by_another_name_of_its_organization(example):
    inside = {"resourceType": "Organization", "id": "ins", "name": "EHP Inc", "alias": ["Example Health"]}
    assert only(example, coverage(None, payor=[{"reference": "#ins"}], contained=[inside])) == GENE
    inside.pop("name")
    assert only(example, coverage(None, payor=[{"reference": "#ins"}], contained=[inside])) == GENE


def test_every_determination_says_where_its_policy_binds(shipped):
    sent = prefetch_of(patient(), coverage("WellCare of North Carolina"))
    (card,) = cards_of(answer_to(shipped, drug_order("2387347"), prefetch=sent))
    assert determination_of(card)["policy"]["jurisdiction"] == "US-NC"
    (card,) = cards_of(answer_to(shipped, drug_order("2387347"), prefetch=prefetch_of(patient(), coverage("Aetna"))))
    assert "jurisdiction" not in determination_of(card)["policy"]
