"""What a call did not carry is fetched: only for CAR-T orders, only what is needed, and it counts as if it was sent."""

import json

import pytest
from fhir_answers import Answers
from parts import (
    AS_OF,
    KEYS,
    RXNORM,
    bundle,
    cards_of,
    center,
    condition,
    coverage,
    determination_of,
    drug_order,
    findings_of,
    full_chart,
    medication,
    observation,
    patient,
    prefetch_of,
    request_of,
    resource,
)

from cdshooks.engine.chart import State
from cdshooks.hooks.fetched import Fetched, Miss, Query, hash_results, join_pages, next_link
from cdshooks.hooks.prefetch import read_prefetch
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer

CHART = [patient(), coverage(), *full_chart()]
NEXT = [{"relation": "next", "url": "https://ehr.example.org/r4/next"}]
ROLES = "PractitionerRole?practitioner=dr&_count=250"
FAILURE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}


def asked(library, fetch, *orders, prefetch=None, **fields):
    request = request_of(*orders, prefetch=prefetch or {}, **fields)
    return answer(request, library, AS_OF, None, fetch)


def card_of(answered):
    assert answered.failure is None
    (card,) = cards_of(answered)
    return card


def reason_of(card, criterion):
    return next(f["reason"] for f in determination_of(card)["findings"] if f["criterion"] == criterion)


def test_a_call_without_prefetch_gets_the_findings_of_one_that_has_it_all(example):
    fetch = Answers(*CHART)
    sent = card_of(asked(example, None, prefetch=prefetch_of(*CHART)))
    fetched = card_of(asked(example, fetch))
    assert determination_of(fetched)["findings"] == determination_of(sent)["findings"]
    assert (fetched["summary"], fetched["detail"]) == (sent["summary"], sent["detail"])
    assert len(fetch.rounds) == 1


def test_nothing_is_asked_when_prefetch_is_complete(example):
    fetch = Answers(*CHART)
    answered = asked(example, fetch, prefetch=prefetch_of(*CHART))
    assert (fetch.asked, answered.fetched_sha256) == ([], None)


def test_a_null_under_our_own_key_is_an_answer_and_is_not_asked_again(example):
    fetch = Answers(*CHART)
    asked(example, fetch, prefetch=prefetch_of(*CHART) | {"observations": None})
    assert fetch.asked == []


@pytest.mark.parametrize(
    "order",
    [
        drug_order("900099"),
        drug_order({"text": "ondansetron"}),
        drug_order(status="stopped"),
        drug_order(None, medicationReference={"reference": "Medication/m1", "display": "ONDANSETRON 4 MG"}),
    ],
)
def test_nothing_is_asked_when_no_order_is_a_car_t(example, order):
    fetch = Answers(*CHART)
    assert (asked(example, fetch, order).body, fetch.asked) == ({"cards": []}, [])


def test_only_what_the_policies_of_the_payer_read_is_asked(example):
    label_only = prefetch_of(patient(), coverage("Nobody Knows Insurance"))
    fetch = Answers(*CHART)
    asked(example, fetch, prefetch={key: label_only[key] for key in ("patient", "coverage")})
    kinds = {url.partition("?")[0] for url in fetch.asked}
    read = {k for p in example.policies if p.id == "fda/label" for c in p.criteria for k in c.kinds}
    assert kinds == (read & set(KEYS)) - {"Patient", "Coverage"} | {"PractitionerRole"}
    everything = Answers(*CHART)
    asked(example, everything)
    assert kinds < {url.partition("?")[0] for url in everything.asked}


def test_the_searches_are_those_of_discovery_filled_with_the_patient(example):
    fetch = Answers(*CHART)
    asked(example, fetch)
    assert "Patient/p1" in fetch.asked
    assert "Coverage?patient=p1&status=active&_count=250" in fetch.asked
    assert not [url for url in fetch.asked if "{" in url]


@pytest.mark.parametrize(
    ("user", "roles"),
    [
        ("Practitioner/dr", [ROLES]),
        ("https://ehr.example.org/r4/Practitioner/dr", [ROLES]),
        ("PractitionerRole/dr", []),
        ("Practitioner/dr&x", []),
        ("dr", []),
        (None, []),
    ],
)
def test_the_roles_of_the_signer_are_asked_beside_the_rest(example, user, roles):
    fetch = Answers(*CHART)
    asked(example, fetch, context={"userId": user})
    assert [url for url in fetch.asked if url.startswith("PractitionerRole")] == roles


@pytest.mark.parametrize("patient_id", ["p1&x=1", "p1/../../x", "p1?x", "..", ".", "p 1", "p1#", "p%31", "ä", "p1\\x"])
def test_an_id_that_cannot_stand_in_an_address_is_not_asked_for(example, patient_id):
    fetch = Answers(*CHART)
    asked(example, fetch, drug_order(subject=None), context={"patientId": patient_id})
    assert fetch.asked == []


@pytest.mark.parametrize("patient_id", ["p1", "eM5CWtq15N0WJeuCet5bJlQ3", "T1.-_", "a" * 300])
def test_an_id_longer_than_fhir_allows_is_asked_for(example, patient_id):
    fetch = Answers(*CHART)
    asked(example, fetch, drug_order(subject=None), context={"patientId": patient_id})
    assert f"Patient/{patient_id}" in fetch.asked


@pytest.mark.parametrize("miss", list(Miss))
def test_what_could_not_be_read_is_never_missing_and_says_why(example, miss):
    fetch = Answers(*CHART[:-3], misses={"observations": miss})
    card = card_of(asked(example, fetch))
    assert findings_of(card)["virus"] == "could-not-check"
    assert "observations" in reason_of(card, "virus")
    assert findings_of(card)["letter"] == "missing"


def test_a_server_that_is_not_registered_is_told(example):
    every = dict.fromkeys(KEYS.values(), Miss.UNREGISTERED)
    card = card_of(asked(example, Answers(misses=every), prefetch=prefetch_of(patient(), coverage()) | every_absent()))
    assert "not registered for this client" in card["detail"]
    assert len(card["detail"]) <= 1800


def every_absent():
    return {key: FAILURE for key in ("observations", "reports", "documents", "conditions")}


@pytest.mark.parametrize(
    ("sent", "came", "miss", "state", "count"),
    [
        (..., (bundle(observation()),), None, State.READ, 1),
        (..., (bundle(),), None, State.READ, 0),
        (..., (bundle(observation(), total=2),), None, State.PARTIAL, 1),
        (..., (bundle(observation(), link=NEXT), bundle(observation(id_="o2"))), None, State.READ, 2),
        (..., (bundle(observation(), link=NEXT, total=2), bundle(observation(id_="o2"), total=2)), None, State.READ, 2),
        (..., (bundle(observation(), link=NEXT),), Miss.FAILED, State.PARTIAL, 1),
        (..., (bundle(observation(), link=NEXT), FAILURE), None, State.PARTIAL, 1),
        (..., (), Miss.LATE, State.FAILED, 0),
        (..., (FAILURE,), None, State.FAILED, 0),
        (..., (bundle({"resource": FAILURE, "search": {"mode": "outcome"}}),), None, State.FAILED, 0),
        (..., ({"resourceType": "CapabilityStatement"},), None, State.FAILED, 0),
        (..., (observation(),), None, State.PARTIAL, 1),
        (..., (bundle(condition()),), None, State.FAILED, 0),
        (..., (bundle(condition(), observation()),), None, State.PARTIAL, 1),
        (..., ("<html>",), None, State.FAILED, 0),
        (FAILURE, (bundle(observation()),), None, State.READ, 1),
        (FAILURE, (), Miss.LATE, State.FAILED, 0),
        (bundle(observation(), total=5), (bundle(observation(), observation(id_="o2")),), None, State.READ, 3),
        (bundle(observation(), total=5), (), Miss.LATE, State.PARTIAL, 1),
    ],
)
def test_the_state_of_a_key_after_fetching(example, sent, came, miss, state, count):
    request = request_of(prefetch={} if sent is ... else {"observations": sent})
    query = Query("observations", "Observation?patient=p1", ("Observation",))
    delivery = read_prefetch(request, example.wording, [Fetched(query, came, miss)])
    assert (delivery.readings["Observation"].state, len(delivery.entries)) == (state, count)
    assert "One" not in delivery.readings["Observation"].reason


@pytest.mark.parametrize(
    ("came", "miss", "state", "count"),
    [
        ((bundle(observation(id_="o2")),), None, State.READ, 2),
        ((bundle(observation(id_="o2"), link=NEXT),), Miss.TOO_MANY, State.PARTIAL, 2),
        ((bundle(observation(id_="o2"), link=NEXT), bundle(observation(id_="o3"))), None, State.READ, 3),
        ((), Miss.LATE, State.PARTIAL, 1),
        ((FAILURE,), None, State.PARTIAL, 1),
    ],
)
def test_a_partial_answer_is_gone_on_from_its_next_page(example, came, miss, state, count):
    sent = prefetch_of(*CHART) | {"observations": bundle(observation(), link=NEXT)}
    fetch = Answers(pages={"observations": came}, misses={"observations": miss} if miss else {})
    asked(example, fetch, prefetch=sent)
    assert fetch.asked == ["https://ehr.example.org/r4/next", ROLES]
    query = Query("observations", NEXT[0]["url"], ("Observation",), continues=True)
    request = request_of(prefetch={"observations": bundle(observation(), link=NEXT)})
    delivery = read_prefetch(request, example.wording, [Fetched(query, came, miss)])
    assert (delivery.readings["Observation"].state, len(delivery.entries)) == (state, count)


def test_our_own_search_settles_what_a_key_of_the_site_left_open(example):
    sent = {"labs": bundle(observation(), link=NEXT), "broken": FAILURE}
    fetch = Answers(*CHART)
    assert findings_of(card_of(asked(example, fetch, prefetch=sent)))["virus"] == "met"
    assert any(url.startswith("Observation?") for url in fetch.asked)


def test_a_record_that_was_sent_and_fetched_counts_once(example):
    sent = prefetch_of(*CHART) | {"observations": bundle(observation(), total=9)}
    once = determination_of(card_of(asked(example, None, prefetch=prefetch_of(*CHART))))["findings"]
    assert determination_of(card_of(asked(example, Answers(*CHART), prefetch=sent)))["findings"] == once


def test_a_single_resource_under_a_key_of_the_site_proves_nothing_of_its_kind(example):
    included = {"resource": observation(), "search": {"mode": "include"}}
    for value in (observation(), bundle(included)):
        delivery = read_prefetch(request_of(prefetch={"mine": value}), example.wording)
        assert delivery.readings["Observation"].state is State.ABSENT
        assert len(delivery.entries) == 1


# ---- references ----

CELLS = resource("Medication", "m1", subject=None, code={"coding": [{"system": RXNORM, "code": "900002"}]})


def by_reference(**display):
    return drug_order(None, medicationReference={"reference": "Medication/m1", **display})


@pytest.mark.parametrize("display", [{}, {"display": ""}, {"display": "Examplecel"}])
def test_the_medication_of_an_order_is_fetched_where_nothing_else_names_it(example, display):
    fetch = Answers(CELLS, *CHART)
    card = card_of(asked(example, fetch, by_reference(**display), prefetch=prefetch_of(*CHART)))
    assert fetch.asked == ["Medication/m1"]
    assert determination_of(card)["recognizedBy"] == "RxNorm 900002"


def test_an_order_whose_medication_cannot_be_read_and_is_not_named_gets_no_card(example):
    answered = asked(
        example, Answers(misses={"Medication/m1": Miss.LATE}), by_reference(), prefetch=prefetch_of(*CHART)
    )
    assert answered.body == {"cards": []}
    assert answered.fetched_sha256


def test_medications_of_the_chart_are_fetched_where_nothing_names_them(example):
    drug = medication("MedicationRequest", None, "2026-01-01", "x", medicationReference={"reference": "Medication/m2"})
    named = {"reference": "Medication/m3", "display": "Aspirin"}
    other = medication("MedicationRequest", None, "2026-01-01", "y", medicationReference=named)
    sent = prefetch_of(*CHART, drug, other)
    bare = read_prefetch(request_of(prefetch=sent), example.wording).readings["MedicationRequest"]
    assert (bare.state, "does not tell its medication" in bare.reason) == (State.PARTIAL, True)
    fetch = Answers({**CELLS, "id": "m2"}, *CHART)
    asked(example, fetch, prefetch=sent)
    assert fetch.asked == ["MedicationRequest?patient=p1&_count=250", ROLES, "Medication/m2"]


def test_a_payer_that_is_named_only_by_reference_is_fetched(example):
    by_name = coverage(None, payor=[{"reference": "Organization/plan"}])
    plan = center(None, "Example Health Plan", "plan")
    fetch = Answers(plan, *CHART)
    card = card_of(asked(example, fetch, prefetch=prefetch_of(patient(), by_name, *full_chart())))
    assert fetch.asked == ["Organization/plan"]
    assert "Example" in card["summary"]


def test_the_center_is_fetched_through_role_and_organization(example):
    role = resource("PractitionerRole", "r1", subject=None, organization={"reference": "Organization/center-1"})
    order = drug_order(performer={"reference": "PractitionerRole/r1"})
    fetch = Answers(role, center(), *CHART)
    sent = card_of(asked(example, None, order, prefetch=prefetch_of(*CHART, role, center())))
    fetched = card_of(asked(example, fetch, order, prefetch=prefetch_of(*CHART)))
    assert fetch.asked == ["PractitionerRole/r1", "Organization/center-1"]
    assert determination_of(fetched)["findings"] == determination_of(sent)["findings"]


def test_the_encounter_is_fetched_where_the_order_names_no_center(example):
    visit = resource("Encounter", "e1", serviceProvider={"reference": "Organization/center-1"})
    fetch = Answers(visit, center(), *CHART)
    asked(example, fetch, prefetch=prefetch_of(*CHART), context={"encounterId": "e1"})
    assert fetch.asked == ["Encounter/e1", "Organization/center-1"]


@pytest.mark.parametrize(
    "reference", ["Device/1", "Organization/../x", "Organization/", "#c", "urn:uuid:1", "Organization/a b", "x", ""]
)
def test_a_reference_to_anything_else_is_not_followed(example, reference):
    fetch = Answers(*CHART)
    asked(example, fetch, drug_order(performer={"reference": reference}), prefetch=prefetch_of(*CHART))
    assert fetch.asked == []


def test_an_absolute_reference_is_asked_for_as_it_stands_without_its_version(example):
    fetch = Answers(*CHART)
    order = drug_order(performer={"reference": "https://other.example/r4/Organization/1/_history/3"})
    asked(example, fetch, order, prefetch=prefetch_of(*CHART))
    assert fetch.asked == ["https://other.example/r4/Organization/1"]


DISPATCH = {
    "hook": "order-dispatch",
    "hookInstance": "h",
    "context": {
        "patientId": "p1",
        "dispatchedOrders": ["MedicationRequest/order-1"],
        "performer": "Organization/center-1",
    },
}


def dispatched(library, fetch, **prefetch):
    body = json.dumps(DISPATCH | {"prefetch": prefetch}).encode()
    return answer(read_request(body, "cart-order-dispatch", "order-dispatch"), library, AS_OF, None, fetch)


def test_a_dispatched_order_and_its_performer_are_fetched(example):
    fetch = Answers(drug_order(status="active"), center(), *CHART)
    card = card_of(dispatched(example, fetch, **prefetch_of(*CHART)))
    assert fetch.asked == ["MedicationRequest/order-1", "Organization/center-1"]
    assert determination_of(card)["order"] == "MedicationRequest/order-1"


def test_one_order_that_was_read_proves_nothing_of_other_medications(example):
    query = Query("MedicationRequest/order-1", "MedicationRequest/order-1", ("MedicationRequest",))
    delivery = read_prefetch(request_of(prefetch={}), example.wording, [Fetched(query, (drug_order(),))])
    assert delivery.readings["MedicationRequest"].state is State.ABSENT


def test_a_dispatched_order_that_is_no_car_t_ends_the_asking(example):
    fetch = Answers(drug_order("900099"), *CHART)
    assert dispatched(example, fetch).body == {"cards": []}
    assert fetch.asked == ["MedicationRequest/order-1"]


# ---- one patient ----


@pytest.mark.parametrize(
    "fields",
    [
        {"fhirAuthorization": {"access_token": "t", "patient": "p2"}},
        {"prefetch": {"patient": patient("p2")}},
    ],
)
def test_nothing_is_asked_in_a_call_that_names_another_patient(example, fields):
    fetch = Answers(*CHART)
    card = card_of(asked(example, fetch, **fields))
    assert (fetch.asked, determination_of(card)["findings"]) == ([], [])


def test_a_patient_that_comes_back_as_another_one_stops_the_check(example):
    fetch = Answers(*CHART[1:], pages={"patient": (patient("p2"),)})
    card = card_of(asked(example, fetch))
    assert determination_of(card)["findings"] == []


def test_records_of_another_patient_that_came_along_are_left_out_and_the_answer_is_not_trusted(example):
    others = observation(id_="o-2", subject={"reference": "Patient/p2"})
    fetch = Answers(patient(), coverage(), others)
    found = determination_of(card_of(asked(example, fetch)))
    assert {"reference": "Observation/o-2", "why": "another patient"} in found["leftOut"]
    assert next(f["outcome"] for f in found["findings"] if f["criterion"] == "virus") == "could-not-check"


# ---- determinism ----


def test_the_same_call_and_the_same_answers_give_the_same_bytes(example):
    one, other = (asked(example, Answers(*CHART)) for _ in range(2))
    assert (json.dumps(one.body), one.fetched_sha256) == (json.dumps(other.body), other.fetched_sha256)


def test_another_answer_is_another_decision(example):
    one, other = (asked(example, Answers(*chart)) for chart in (CHART, [*CHART, condition("beta")]))
    assert one.fetched_sha256 != other.fetched_sha256
    first, second = (determination_of(card_of(answered))["decision"] for answered in (one, other))
    assert first != second


def test_the_hash_does_not_depend_on_order_nor_on_what_a_server_stamps():
    one = Fetched(Query("a", "A?x", ()), (bundle(observation(), id="1", link=NEXT),))
    other = Fetched(Query("b", "https://s/next/7", (), continues=True), (bundle(),), Miss.LATE)
    stamped = Fetched(one.query, (bundle(observation(), id="2", link=[], meta={"lastUpdated": "x"}),))
    moved = Fetched(Query("b", "https://s/next/8", (), continues=True), other.pages, other.miss)
    assert hash_results([one, other]) == hash_results([moved, stamped])
    assert hash_results([one]) != hash_results([Fetched(one.query, one.pages, Miss.LATE)])
    assert hash_results([]) is None


def test_pages_are_joined_in_their_order():
    joined = join_pages([bundle(observation(id_="a"), total=2, link=NEXT), bundle(observation(id_="b"), total=9)])
    assert [entry["resource"]["id"] for entry in joined["entry"]] == ["a", "b"]
    assert (joined["total"], next_link(joined)) == (2, None)
    assert join_pages([bundle(), FAILURE]) == bundle()


@pytest.mark.parametrize("value", [None, [], "x", {}, {"link": 1}, {"link": [{"relation": "next"}]}, {"link": [None]}])
def test_what_has_no_next_page_has_none(value):
    assert next_link(value) is None


def test_without_a_fetch_the_call_is_taken_as_it_came(example):
    answered = asked(example, None, prefetch={"patient": patient(), "coverage": bundle(coverage())})
    assert findings_of(card_of(answered))["virus"] == "could-not-check"
    assert answered.fetched_sha256 is None
