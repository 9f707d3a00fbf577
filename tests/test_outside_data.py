"""Charts that we did not write: the service keeps its head, and never finds what is not there.

The files under fhir_fixtures/outside come from public test suites (see NOTICE.md there). Each of their Bundles
is cut into order-sign requests: one for every patient that the Bundle names and every CAR-T product. The whole
Bundle is sent each time, other patients' records included.
"""

import json
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from cdshooks.engine.library import load_library
from cdshooks.hooks import service
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.request import read_request

ROOT = Path(__file__).parent.parent
OUTSIDE = ROOT / "fhir_fixtures" / "outside"
BUNDLES = sorted(path.name for path in OUTSIDE.glob("*.bundle.json"))
AS_OF, SERVICE_DATE = date(2026, 11, 21), "2026-12-01"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
PRODUCTS = {  # a drug-level RxNorm code of each
    "abecma": "2536434",
    "aucatzyl": "2700168",
    "breyanzi": "2479140",
    "carvykti": "2594780",
    "kymriah": "1986442",
    "tecartus": "2387347",
    "yescarta": "1987402",
}
GUARDED = {
    "hiv", "hbsag", "anti-hbc", "anti-hcv", "marrow-biopsy", "letter", "psych-eval", "social-eval", "indication",
}  # fmt: skip
KEYS = {
    "Condition": "conditions",
    "MedicationRequest": "medications",
    "MedicationAdministration": "medications",
    "MedicationStatement": "medications",
    "MedicationDispense": "medications",
    "Medication": "medications",
    "Observation": "observations",
    "Procedure": "procedures",
    "DiagnosticReport": "reports",
    "DocumentReference": "documents",
}
BRIAN = ("04-mcode-brian-l-b-all.bundle.json", "cancer-patient-brian-l")


# ---- cutting a Bundle into requests


@cache
def entries(name):
    return json.loads((OUTSIDE / name).read_text(encoding="utf-8"))["entry"]


def subject(resource):
    """The patient that a record says it is about, however the reference is spelled."""
    reference = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
    return reference.removeprefix("urn:uuid:").rsplit("/", 1)[-1]


def patients(name):
    """Every patient of a Bundle: those it holds, and those that its records speak of without holding them."""
    resources = [entry["resource"] for entry in entries(name)]
    held = {item["id"] for item in resources if item["resourceType"] == "Patient"}
    return sorted(held | {subject(item) for item in resources if item["resourceType"] in KEYS} - {""})


def cut(name, patient, product, service_date=SERVICE_DATE):
    """The body of an order-sign request for one patient and product, with everything the Bundle holds."""
    order = {
        "resourceType": "MedicationRequest",
        "id": "outside-order",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": PRODUCTS[product]}]},
        "insurance": [{"reference": "Coverage/outside-coverage"}],
        "dosageInstruction": [{"timing": {"event": [service_date]}}],
    }
    coverage = {
        "resourceType": "Coverage",
        "id": "outside-coverage",
        "status": "active",
        "beneficiary": {"reference": f"Patient/{patient}"},
        "payor": [{"display": "WellCare of North Carolina"}],
    }
    prefetch = {key: {"resourceType": "Bundle", "type": "searchset", "entry": []} for key in KEYS.values()}
    prefetch["coverage"] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": coverage}]}
    for entry in entries(name):
        resource = entry["resource"]
        if resource["resourceType"] in KEYS:
            sent = {key: entry[key] for key in ("fullUrl", "resource") if key in entry}
            prefetch[KEYS[resource["resourceType"]]]["entry"].append(sent)
        elif resource["resourceType"] == "Patient" and resource["id"] == patient:
            prefetch["patient"] = resource
    context = {"userId": "Practitioner/outside", "patientId": patient}
    drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}
    body = {"hook": "order-sign", "hookInstance": "7c3d1b2e-0000-4000-8000-000000000000"}
    body |= {"context": context | {"draftOrders": drafts}, "prefetch": prefetch}
    return json.dumps(body).encode()


# ---- asking


@cache
def library():
    return load_library(ROOT / "cards")


def ask(body, as_of=AS_OF):
    request = read_request(body, "cart-order-sign", "order-sign")
    return service.answer(request, library(), as_of, service.ServiceOptions())


@cache
def determination(name, patient, product, as_of=AS_OF, service_date=SERVICE_DATE):
    """The one determination of the one card, as the EHR receives it."""
    cards = ask(cut(name, patient, product, service_date), as_of).body["cards"]
    assert len(cards) == 1
    return cards[0]["extension"]["org.cdshooks.determination"]


def findings(*asked, **days):
    return {finding["criterion"]: finding for finding in determination(*asked, **days)["findings"]}


EVERY_CUT = [
    pytest.param(name, patient, product, id=f"{name[:2]}-{patient[:24]}-{product}")
    for name in BUNDLES
    for patient in patients(name)
    for product in PRODUCTS
]


# ---- requests as other projects send them


@pytest.mark.parametrize("number", ["01", "02", "03", "07"])
def test_an_order_that_is_no_car_t_gets_no_card(number):
    (path,) = OUTSIDE.glob(f"{number}-*.request.json")
    assert ask(path.read_bytes()).body == {"cards": []}


def test_a_request_of_another_hook_is_refused():
    (path,) = OUTSIDE.glob("08-*.request.json")
    with pytest.raises(RequestError) as refused:
        read_request(path.read_bytes(), "cart-order-sign", "order-sign")
    assert refused.value.status == 400
    assert "order-sign" in refused.value.message and refused.value.expression == "hook"


# ---- charts as other projects wrote them


def test_every_bundle_names_a_patient():
    assert {name: len(patients(name)) for name in BUNDLES if not patients(name)} == {}


@pytest.mark.parametrize(("name", "patient", "product"), EVERY_CUT)
def test_nothing_is_found_in_a_chart_that_does_not_hold_it(name, patient, product):
    """No file holds a serology, a letter, an evaluation, a marrow report of 2026 or a coded relapse: nothing is met."""
    found = findings(name, patient, product)
    assert found.keys() >= GUARDED
    assert [criterion for criterion in GUARDED if found[criterion]["outcome"] == "met"] == []


@pytest.mark.parametrize(("name", "patient", "product"), EVERY_CUT)
def test_evidence_is_a_record_of_this_patient_that_was_sent(name, patient, product):
    of_patient = {
        f"{entry['resource']['resourceType']}/{entry['resource'].get('id')}"
        for entry in entries(name)
        if subject(entry["resource"]) == patient
    }
    own = {"MedicationRequest/outside-order", "Coverage/outside-coverage", f"Patient/{patient}"}
    cited = {
        evidence["reference"].removeprefix("http://example.org/fhir/")
        for finding in findings(name, patient, product).values()
        for evidence in finding.get("evidence", [])
        if "reference" in evidence
    }
    assert cited - of_patient - own == set()


@pytest.mark.parametrize(("name", "patient", "product"), EVERY_CUT)
def test_nobody_is_told_that_a_strange_chart_is_ready(name, patient, product):
    told = determination(name, patient, product)
    assert told["product"] == product
    assert told["outcome"] in {"documentation-missing", "could-not-check", "criterion-not-met", "review-needed"}


# ---- what one of them does hold


def test_brian_has_the_right_leukaemia_and_age_for_kymriah_but_no_coded_relapse():
    indication = findings(*BRIAN, "kymriah")["indication"]
    assert indication["outcome"] == "attest"
    assert "Condition/primary-cancer-condition-brian-l" in [item["reference"] for item in indication["evidence"]]


def test_brian_is_too_young_for_tecartus_and_a_person_decides():
    assert findings(*BRIAN, "tecartus")["indication"]["outcome"] == "not-met"
    assert determination(*BRIAN, "tecartus")["outcome"] == "review-needed"


def test_brians_marrow_report_is_too_old_now():
    marrow = findings(*BRIAN, "kymriah")["marrow-biopsy"]
    assert marrow["outcome"] == "stale"
    assert "2024-01-07" in marrow["reason"]


def test_brians_marrow_report_counted_two_months_after_it_was_made():
    days = {"as_of": date(2024, 3, 1), "service_date": "2025-05-01"}
    marrow = findings(*BRIAN, "kymriah", **days)["marrow-biopsy"]
    assert marrow["outcome"] == "met" and marrow["countsUntil"] == "2024-07-07"
    assert [item["reference"] for item in marrow["evidence"]] == ["Observation/bone-marrow-biopsy-result-brian-l"]


def test_records_of_the_other_patient_are_named_as_left_out():
    name = "06-inferno-crd-two-patients.bundle.json"
    for patient in ("pat014", "pat015"):
        reasons = {item["why"] for item in determination(name, patient, "kymriah")["leftOut"]}
        assert "another patient" in reasons
