"""`therapy` and `prior_infusion`: what was given."""

import pytest
from parts import RXNORM, concept, condition, drug_order, medication, procedure

from cdshooks.engine.model import Gap

PRIOR = {
    "prior_infusion": {
        "procedure": "vs/proc-infusion",
        "medication": "vs/rx-cells",
        "history": "vs/dx-earlier-cells",
        "same_course": "P21D",
    }
}
LABEL = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}


def outcome(found):
    return found.truth if found.truth is not None else found.gap


def drugs(code, text=None):
    return concept(code, system=RXNORM, text=text)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # another product, given: an exclusion
        (medication(code="900011"), True),
        (procedure("cell-infusion"), True),
        (procedure(concept("cell-infusion", text="Sampla infusion")), True),
        (condition("earlier-cells"), True),
        (medication(code="900011", day=None, id_="m"), True),
        # the same product within 21 days before the infusion is the same course: said, and still asked
        (medication(code="900002", day="2026-11-20"), Gap.ATTEST),
        (medication(code="900002", day="2026-11-10"), Gap.ATTEST),
        (medication(code="900002", day="2026-11-09"), Gap.ATTEST),
        (medication(code="900002", day="2024-01-01"), Gap.ATTEST),
        (medication(code="900002", day=None, id_="m"), Gap.ATTEST),
        # an infusion shortly before whose product nobody named
        (procedure("cell-infusion", "2026-11-15"), Gap.ATTEST),
        # not finished, or only ordered
        (medication(code="900011", status="in-progress"), Gap.ATTEST),
        (medication(code="900011", status="stopped"), Gap.ATTEST),
        (procedure("cell-infusion", status="in-progress"), Gap.ATTEST),
        (procedure("cell-infusion", status="stopped"), Gap.ATTEST),
        (medication("MedicationRequest", "900011"), Gap.ATTEST),  # completed order without administration
        (medication("MedicationStatement", "900011"), Gap.ATTEST),
        (medication("MedicationDispense", "900011"), Gap.ATTEST),
        # never happened
        (medication(code="900011", status="not-done"), Gap.MISSING),
        (procedure("cell-infusion", status="not-done"), Gap.MISSING),
        (procedure("cell-infusion", status="entered-in-error"), Gap.MISSING),
        (procedure("cell-infusion", "2026-11-30"), Gap.MISSING),  # a plan, not a fact
        (procedure("cell-infusion", subject={"reference": "Patient/p2"}), Gap.MISSING),
        # an open request of another product is something to look at; one of this product is the order itself
        (medication("MedicationRequest", "900011", status="active"), Gap.ATTEST),
        (medication("MedicationRequest", "900002", status="draft"), Gap.MISSING),
        # codes that do not decide, and words
        (procedure("cell-infusion-unsure"), Gap.ATTEST),
        (condition("earlier-something"), Gap.ATTEST),
        (medication(code={"text": "Sampla 100 mL"}, id_="m"), Gap.ATTEST),
        (procedure({"text": "Infusion of samplecel"}, id_="p"), Gap.ATTEST),
        (condition("earlier-cells", verified="provisional"), Gap.ATTEST),
        (condition("earlier-cells", verified="refuted"), Gap.MISSING),
        (condition("earlier-cells", recordedDate="2026-11-30"), Gap.MISSING),
        (procedure("cell-collection"), Gap.MISSING),
        (medication(code="910001"), Gap.MISSING),
    ],
)
def test_an_earlier_cell_therapy_is_found_asked_or_absent(ask, sent, expected):
    assert outcome(ask(PRIOR, sent)) is expected


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [("2026-11-15", Gap.ATTEST), ("2026-11-20", Gap.ATTEST), ("2026-11-14", True), ("2020", True)],
)
def test_a_history_first_recorded_with_the_course_belongs_to_the_course(ask, recorded, expected):
    first = medication(code="900002", day="2026-11-15")
    assert outcome(ask(PRIOR, first, condition("earlier-cells", recordedDate=recorded))) is expected


def test_the_order_that_is_signed_is_not_an_earlier_treatment(ask):
    assert ask(PRIOR, drug_order("900011", status="completed", id_="order-1")).gap is Gap.MISSING


@pytest.mark.parametrize("kind", ["Procedure", "Condition"])
def test_no_earlier_therapy_can_be_claimed_absent_while_something_is_unread(ask, kind):
    assert ask(PRIOR, unread={kind: "not sent"}).gap is Gap.COULD_NOT_CHECK
    assert ask(PRIOR, medication(code="900011"), unread={kind: "not sent"}).truth is True


def test_an_infusion_that_names_nobody_is_something_to_look_at(ask):
    assert ask(PRIOR, procedure("cell-infusion", subject=None)).gap is Gap.COULD_NOT_CHECK


def test_what_a_person_must_weigh_leads(ask):
    assert ask(PRIOR, medication(code="900002", day="2024-01-01")).leading is True
    assert ask(PRIOR).leading is False


@pytest.mark.parametrize(
    "filters",
    [
        {"lines_at_least": 2},
        {"lines_at_least": 1, "classes": ["vs/rx-class-one"]},
        {"lines_at_least": 4, "classes": ["vs/rx-class-one", "vs/rx-class-two"], "asks": "refractory to the last"},
    ],
)
def test_earlier_lines_are_always_for_a_person(ask, filters):
    given = [medication(code="910001", day=f"202{n}-01-01", id_=f"m{n}") for n in range(5)]
    for sent in ([], given, [*given, medication("MedicationRequest", "920001", "2025-01-01")]):
        found = ask({"therapy": filters}, *sent)
        assert found.truth is None
        assert found.gap is Gap.ATTEST


def test_the_drugs_that_the_chart_shows_are_listed_with_their_first_day(ask):
    sent = [
        medication(code="910002", day="2025-03-01", id_="m1"),
        medication("MedicationRequest", "910001", "2024-02-01", "m2"),
        medication("MedicationStatement", "920001", None, "m3"),
        medication(code="930001", id_="m4"),
        medication(code="910001", day="2020-01-01", id_="m5", status="not-done"),
        medication(code="910001", day="2019-01-01", id_="m6", subject={"reference": "Patient/p2"}),
        medication(code="910001", day="2018-01-01", id_="m7", subject=None),
    ]
    found = ask({"therapy": {"lines_at_least": 2}}, *sent).found
    assert "2024-02 oldamib (ordered)" in found
    assert "newamab" in found
    assert "dullamine" not in found
    for day in ("2020", "2019", "2018"):
        assert day not in found


def test_not_finding_a_class_is_never_said_to_be_not_given(ask):
    found = ask({"therapy": {"lines_at_least": 2, "classes": ["vs/rx-class-one"]}})
    assert found.gap is Gap.ATTEST
    assert "not given" not in found.found


def test_a_labelled_drug_is_not_named(ask):
    sent = medication(code="910001", meta=LABEL)
    assert "oldamib" not in ask({"therapy": {"lines_at_least": 2}}, sent).found


def test_what_is_never_a_treatment_is_not_taken_for_one(ask):
    form = {"prior_infusion": PRIOR["prior_infusion"] | {"not_treatment": "vs/proc-collection"}}
    assert ask(form, procedure(concept("cell-infusion", "cell-collection"))).gap is Gap.MISSING
    assert ask(form, procedure(concept("cell-collection", text="Collection for Sampla"))).gap is Gap.MISSING
    assert ask(form, procedure("cell-infusion")).truth is True


@pytest.mark.parametrize("status", ["draft", "completed", "active"])
def test_a_drug_that_is_only_planned_is_no_earlier_treatment(ask, status):
    sent = medication("MedicationRequest", "910001", "2025-01-01", status=status)
    assert ("oldamib" in ask({"therapy": {"lines_at_least": 2}}, sent).found) is (status != "draft")


NAMED = {"prior_infusion": PRIOR["prior_infusion"] | {"named": "vs/words-marrow"}}


@pytest.mark.parametrize(
    ("text", "verified", "expected"),
    [
        ("after Sampla", "confirmed", Gap.ATTEST),  # a product's name
        ("after bone marrow", "confirmed", Gap.ATTEST),  # the words of the policy
        ("after Sampla", "provisional", Gap.ATTEST),
        ("after Sampla", "refuted", Gap.MISSING),
        ("after Sampla, of a relative", "confirmed", Gap.MISSING),
        ("after something else", "confirmed", Gap.MISSING),
    ],
)
def test_a_diagnosis_that_tells_an_earlier_infusion_in_words_is_asked_about(ask, text, verified, expected):
    told = condition({"text": text}, "told", verified=verified)
    found = ask(NAMED, told)
    assert found.gap is expected
    assert [item.reference for item in found.evidence] == (["Condition/told"] if expected is Gap.ATTEST else [])
    assert ask(PRIOR, told).gap is Gap.MISSING


def test_words_beside_a_history_code_add_nothing(ask):
    coded = condition(concept("earlier-cells", text="after Sampla"), "told")
    assert len(ask(NAMED, coded).evidence) == len(ask(PRIOR, coded).evidence) == 1
