"""Denials and authorizations among a chart's ClaimResponses."""

from datetime import UTC, date

import pytest

from cdshooks.engine.chart import build_chart
from cdshooks.engine.identity import identify
from cdshooks.hooks.plan_answers import Verdict, read_plan_answers

AS_OF = date(2026, 11, 21)
PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-"
REVIEW = "https://codesystem.x12.org/005010/306"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
CPT = "http://www.ama-assn.org/go/cpt"
PATIENT = {"reference": "Patient/p1"}
NO_CODE = object()


def coded(code, system=HCPCS):
    return {"coding": [{"system": system, "code": code}]}


def reviewed(action):
    inner = {"url": f"{PAS}reviewActionCode", "valueCodeableConcept": coded(action, REVIEW)}
    return [{"extension": [{"url": f"{PAS}reviewAction", "extension": [inner]}]}]


def request_of(*products, **fields):
    items = [{"sequence": n, "productOrService": product} for n, product in enumerate(products, 1)]
    return {"resourceType": "Claim", "id": "c1", "patient": PATIENT, "use": "preauthorization", "item": items} | fields


def answer_of(*actions, **fields):
    items = [{"itemSequence": n} | ({"adjudication": reviewed(a)} if a else {}) for n, a in enumerate(actions, 1)]
    made = {"resourceType": "ClaimResponse", "id": "r1", "status": "active", "patient": PATIENT, "outcome": "complete"}
    made |= {"created": "2026-11-02", "request": {"reference": "Claim/c1"}, "item": items} | fields
    return {key: value for key, value in made.items() if value is not None}


@pytest.fixture
def read(shipped):
    def reading(*resources, as_of=AS_OF):
        entries = [(None, {"resourceType": "Patient", "id": "p1"}), *((None, r) for r in resources)]
        chart = build_chart(entries, identify("p1", None, entries), {}, shipped.systems, UTC)
        return [*read_plan_answers(entries, chart, shipped, as_of)]

    return reading


TECARTUS = coded("Q2053")


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        ("A3", Verdict.DENIED),
        ("A1", Verdict.CERTIFIED),
        ("A4", Verdict.NEITHER),
        ("A2", Verdict.NEITHER),
        ("C", Verdict.NEITHER),
    ],
)
def test_the_review_action_says_what_the_answer_is(read, action, verdict):
    found = read(request_of(TECARTUS), answer_of(action, disposition="Denied"))
    assert [(a.product, a.verdict) for a in found] == [("tecartus", verdict)]


def test_each_item_has_its_own_verdict(read):
    request = request_of(TECARTUS, coded("38222", CPT))
    assert [a.verdict for a in read(request, answer_of("A1", "A3"))] == [Verdict.CERTIFIED]
    assert [a.verdict for a in read(request, answer_of("A3", "A1"))] == [Verdict.DENIED]


def test_an_action_of_the_whole_answer_holds_where_the_item_has_none(read):
    (found,) = read(request_of(TECARTUS), answer_of(None, adjudication=reviewed("A3")))
    assert found.verdict is Verdict.DENIED


@pytest.mark.parametrize("items", [None, []])
def test_an_answer_without_items_answers_the_whole_request(read, items):
    (found,) = read(request_of(TECARTUS), answer_of(item=items, adjudication=reviewed("A3")))
    assert found.product == "tecartus"


def test_an_item_that_the_plan_added_names_its_own_product(read):
    added = [{"productOrService": TECARTUS, "adjudication": reviewed("A3")}]
    (found,) = read(answer_of(request=None, addItem=added))
    assert (found.product, found.verdict) == ("tecartus", Verdict.DENIED)


@pytest.mark.parametrize(
    ("words", "reads"),
    [
        ({"disposition": "Request DENIED: not medically necessary"}, True),
        ({"disposition": "Not certified"}, True),
        ({"processNote": [{"text": "Notice of adverse benefit determination"}]}, True),
        ({"outcome": "denied"}, True),
        ({"disposition": "The request was not denied"}, False),
        ({"disposition": "Denial overturned on appeal"}, False),
        ({"disposition": "Approved"}, False),
        ({"disposition": "Undeniable"}, False),
        ({}, False),
    ],
)
def test_words_alone_read_as_a_denial(read, words, reads):
    found = read(request_of(TECARTUS), answer_of(None, **words))
    assert [a.verdict for a in found] == ([Verdict.READS_AS_DENIED] if reads else [])


def test_a_product_named_only_in_the_words_of_a_denial_is_found(read):
    (found,) = read(answer_of(request=None, item=None, disposition="Tecartus denied"))
    assert (found.product, found.verdict) == ("tecartus", Verdict.READS_AS_DENIED)


def test_a_car_t_service_without_a_product_is_recognised(read):
    (found,) = read(request_of(coded("38228", CPT)), answer_of("A3"))
    assert found.product is None


def test_a_request_by_the_order_it_stands_for_is_recognised(read):
    order = {"resourceType": "ServiceRequest", "id": "o1", "code": TECARTUS, "subject": PATIENT}
    asked = {
        "sequence": 1,
        "extension": [{"url": f"{PAS}requestedService", "valueReference": {"reference": "ServiceRequest/o1"}}],
    }
    (found,) = read(order, request_of(item=[asked]), answer_of("A3"))
    assert found.product == "tecartus"


def test_a_request_by_a_drug_order_whose_medication_is_a_reference_is_recognised(read):
    medication = {"resourceType": "Medication", "id": "m1", "code": TECARTUS}
    order = {
        "resourceType": "MedicationRequest",
        "id": "o1",
        "medicationReference": {"reference": "Medication/m1"},
        "subject": PATIENT,
    }
    asked = {
        "sequence": 1,
        "extension": [{"url": f"{PAS}requestedService", "valueReference": {"reference": "MedicationRequest/o1"}}],
    }
    (found,) = read(medication, order, request_of(item=[asked]), answer_of("A3"))
    assert found.product == "tecartus"


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": {"reference": "Patient/p2"}},
        {"patient": None},
        {"status": "cancelled"},
        {"status": "entered-in-error"},
        {"created": "2026-11-22"},
        {"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}},
    ],
)
def test_an_answer_that_does_not_count_is_left_out(read, changes):
    assert read(request_of(TECARTUS), answer_of("A3", **changes)) == []


def test_another_patient_s_request_does_not_tell_the_product(read):
    assert read(request_of(TECARTUS, patient={"reference": "Patient/p2"}), answer_of("A3")) == []


def test_an_answer_about_something_else_is_none_of_ours(read):
    assert read(request_of(coded("J9312")), answer_of("A3")) == []


def test_answers_come_oldest_first_and_each_once(read):
    old, new = answer_of("A3", id="old", created="2026-09"), answer_of("A1", id="new")
    assert [a.reference for a in read(request_of(TECARTUS), new, old, old)] == [
        "ClaimResponse/old",
        "ClaimResponse/new",
    ]


@pytest.mark.parametrize(
    ("fields", "covers"),
    [
        ({"preAuthPeriod": {"start": "2026-11-10", "end": "2026-12-01"}}, True),
        ({"preAuthPeriod": {"start": "2026-11-10", "end": "2026-11-30"}}, False),
        ({"preAuthPeriod": {"start": "2026-12-01"}}, True),
        ({"preAuthPeriod": {}}, False),
        ({}, False),
    ],
)
def test_an_authorization_holds_in_its_period_alone(read, fields, covers):
    (found,) = read(request_of(TECARTUS), answer_of("A1", preAuthRef="X1", **fields))
    assert (found.authorization, found.covers(date(2026, 12, 1))) == ("X1", covers)


def test_without_a_period_the_date_that_was_asked_for_counts(read):
    request = request_of(TECARTUS)
    request["item"][0]["servicedDate"] = "2026-12-01"
    (found,) = read(request, answer_of("A1", preAuthRef="X1"))
    assert found.covers(date(2026, 12, 1)) and not found.covers(date(2026, 12, 2))


@pytest.mark.parametrize(
    "broken", [{"item": [3, None]}, {"item": "x"}, {"adjudication": 3}, {"processNote": [1]}, {"insurance": ["x"]}]
)
def test_a_broken_answer_breaks_nothing(read, broken):
    read(request_of(TECARTUS), answer_of("A3", **broken))


def test_a_library_without_rules_for_answers_reads_none(example):
    entries = [(None, answer_of("A3"))]
    chart = build_chart(entries, identify("p1", None, entries), {}, example.systems, UTC)
    assert [*read_plan_answers(entries, chart, example, AS_OF)] == []
