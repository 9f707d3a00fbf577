"""Da Vinci CRD on data: whichever version of US Core they are in, whatever a profile lets a client leave out."""

import json

import pytest
from parts import (
    DETERMINATION,
    center,
    concept,
    coverage,
    determination_of,
    drug_order,
    full_chart,
    patient,
    prefetch_of,
    request_of,
    resource,
)
from tales import AS_OF, shipped_library, tale

from cdshooks.hooks.coverage_rules import URL
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import ServiceOptions, answer
from cdshooks.server.settings import default_fixtures

CRD = ServiceOptions(system_actions=True)
STORIES = sorted(path.parent.name for path in default_fixtures().glob("stories/*/request.json"))
CORE = "http://hl7.org/fhir/us/core/StructureDefinition"


def told(body):
    service = service_of(body["hook"])
    return answer(read_request(json.dumps(body).encode(), service, HOOKS[service]), shipped_library(), AS_OF, CRD)


def findings(answered):
    return [
        [(found["criterion"], found["outcome"]) for found in determination_of(card)["findings"]]
        for card in answered.body["cards"]
    ]


def said(answered):
    """What the extensions say, without their ids."""
    parts = [
        [part for part in extension["extension"] if part["url"] != "coverage-assertion-id"]
        for action in answered.body.get("systemActions", [])
        for extension in action["resource"]["extension"]
        if extension["url"] == URL
    ]
    return json.dumps(parts)


# ---- US Core 3.1.1, 6.1 and 7.0: what each adds to a record that the others do not have


def core(name, **value):
    return {"url": f"{CORE}/us-core-{name}", **value}


ASSERTED = {"url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDateTime": "2020-01-01"}
ADDED = {
    "3.1.1": {
        "Patient": {"extension": [core("birthsex", valueCode="F")]},
        "Condition": {"extension": [ASSERTED]},
        "DocumentReference": {"category": [concept("clinical-note")]},
    },
    "6.1.0": {
        "Patient": {
            "extension": [core("tribal-affiliation", extension=[{"url": "isEnrolled", "valueBoolean": False}])]
        },
        "Observation": {"hasMember": []},
        "Coverage": {"relationship": concept("self")},
        "MedicationRequest": {"reportedBoolean": False},
    },
    "7.0.0": {
        "Patient": {"extension": [core("sex", valueCode="248152002"), core("interpreter-needed", valueCoding={})]},
        "MedicationRequest": {"extension": [core("medication-adherence", extension=[])]},
        "DiagnosticReport": {"resultsInterpreter": [{"reference": "Practitioner/somebody"}]},
    },
}


def in_us_core(body, version):
    """The call with every record of its prefetch claiming a version's profile, and carrying what that version adds."""
    bundles = [value for value in body["prefetch"].values() if value]
    records = [value for value in bundles if value["resourceType"] != "Bundle"]
    records += [entry["resource"] for value in bundles for entry in value.get("entry", [])]
    for record in records:
        kind = record["resourceType"]
        record["meta"] = {**record.get("meta", {}), "profile": [f"{CORE}/us-core-{kind.lower()}|{version}"]}
        for name, value in ADDED[version].get(kind, {}).items():
            record.setdefault(name, value)
    return body


@pytest.mark.parametrize("version", ADDED)
@pytest.mark.parametrize("story", ["mcl-missing-three", "mcl-complete", "prior-kymriah"])
def test_a_chart_in_any_of_the_three_versions_of_us_core_is_answered_alike(story, version):
    plain, other = told(tale(story)), told(in_us_core(tale(story), version))
    assert findings(other) == findings(plain) and findings(plain)[0]
    assert said(other) == said(plain) != "[]"


# ---- what a client may leave out


LEFT_OUT = [
    *(("order", name) for name in ("dosageInstruction", "requester", "authoredOn", "encounter", "insurance", "note")),
    *(("order", name) for name in ("reasonCode", "identifier", "category", "performer", "dispenseRequest", "meta")),
    ("order", "text"),
    *(("coverage", name) for name in ("class", "type", "period", "relationship", "subscriberId", "order")),
    *(("patient", name) for name in ("birthDate", "gender", "name", "identifier", "address")),
    *(("context", name) for name in ("encounterId", "userId")),
]  # fmt: skip


def whole():
    """A call with everything that a profile of the guide offers on these records."""
    order = drug_order(
        requester={"reference": "Practitioner/dr"},
        authoredOn="2026-11-20",
        encounter={"reference": "Encounter/e"},
        insurance=[{"reference": "Coverage/cov-1"}],
        reasonCode=[concept("alpha")],
        identifier=[{"value": "1"}],
        category=[concept("inpatient")],
        performer={"reference": "Organization/center-1"},
        dispenseRequest={"quantity": {"value": 1}},
        meta={"profile": ["http://hl7.org/fhir/us/davinci-crd/StructureDefinition/profile-medicationrequest"]},
        text={"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>"},
        note=[{"text": "x"}],
    )
    plan = coverage(
        type=concept("HIP"),
        period={"start": "2026-01-01"},
        relationship=concept("self"),
        subscriberId="1",
        order=1,
        **{"class": [{"type": concept("plan"), "value": "x"}]},
    )
    who = patient(gender="female", name=[{"family": "Example"}], identifier=[{"value": "1"}], address=[{"city": "x"}])
    return {
        "order": order,
        "coverage": plan,
        "patient": who,
        "context": {"encounterId": "e", "userId": "Practitioner/dr"},
    }


def asked(library, parts):
    sent = prefetch_of(parts["patient"], parts["coverage"], center(), *full_chart())
    context = {name: parts["context"].get(name) for name in ("encounterId", "userId")}
    return answer(request_of(parts["order"], prefetch=sent, context=context), library, AS_OF, CRD)


@pytest.mark.parametrize(("part", "name"), LEFT_OUT)
def test_what_a_profile_lets_a_client_leave_out_is_no_error_when_it_is(example, part, name):
    parts = whole()
    assert parts[part].pop(name)
    answered = asked(example, parts)
    assert answered.failure is None and len(answered.body["cards"]) == len(answered.body["systemActions"]) == 1


def test_with_everything_left_out_that_may_be_there_is_an_answer(example):
    parts = whole()
    for part, name in LEFT_OUT:
        parts[part].pop(name)
    answered = asked(example, parts)
    assert answered.failure is None and len(answered.body["cards"]) == len(answered.body["systemActions"]) == 1


@pytest.mark.parametrize(
    "kind", ["DeviceRequest", "CommunicationRequest", "NutritionOrder", "VisionPrescription", "Appointment"]
)
def test_an_order_of_another_kind_is_left_as_it_is_beside_a_car_t(example, kind):
    other = resource(kind, "other", status="draft", code=concept("900002"), codeCodeableConcept=concept("900002"))
    answered = answer(request_of(other, drug_order()), example, AS_OF, CRD)
    (action,) = answered.body["systemActions"]
    assert action["resource"]["resourceType"] == "MedicationRequest"
    assert answer(request_of(other), example, AS_OF, CRD).body == {"cards": []}


def test_the_guide_s_own_prefetch_is_enough_for_coverage_information(example):
    """Patient, coverage and who asks: no condition, no observation, nothing that the guide does not fetch."""
    who = resource("Practitioner", "dr", subject=None)
    sent = {"patient": patient(), "coverage": {"resourceType": "Bundle", "entry": [{"resource": coverage()}]}}
    sent |= {"practitioners": {"resourceType": "Bundle", "entry": [{"resource": who}]}, "encounter": None}
    answered = answer(request_of(drug_order(), prefetch=sent), example, AS_OF, CRD)
    (action,) = answered.body["systemActions"]
    assert answered.failure is None and action["resource"]["extension"][0]["url"] == URL


# ---- whose name is on a card, and what it is called


@pytest.mark.parametrize("story", STORIES)
def test_a_card_is_labelled_with_the_insurer_where_its_own_policy_was_checked(story):
    library = shipped_library()
    insurers = {(policy, payer.name) for payer in library.payers for policy in payer.policies}
    for card in told(tale(story)).body["cards"]:
        policy = card["extension"][DETERMINATION].get("policy", {})
        if policy.get("authority") == "payer-policy":
            assert (policy["id"], card["source"]["label"]) in insurers


@pytest.mark.parametrize("story", STORIES)
def test_no_card_is_coverage_information_or_repeats_what_it_says(story):
    answered = told(tale(story))
    reasons = [part for part in json.loads(said(answered)) for part in part if part["url"] == "reason"]
    for card in answered.body["cards"]:
        assert card["source"]["topic"]["code"] != "coverage-info"
        text = f"{card['summary']}\n{card['detail']}"
        for reason in reasons:
            first = reason["valueCodeableConcept"]["text"].partition(". ")[0]
            assert first not in text
