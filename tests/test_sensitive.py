"""Sensitive records are counted and never named: not on a card, in a suggestion, in the determination or a reason.

HIV beyond the serology line itself, substance use, mental health and legal history; and whatever carries a
confidentiality label, in every kind of resource that may be evidence.
"""

import json

import pytest
from tales import cards_told, shipped_library, tale

MARK = "zqsecret"
KEY = "org.cdshooks.determination"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
TERMS = "http://terminology.hl7.org/CodeSystem"
STORIES = ("mcl-complete", "mcl-missing-three", "mcl-blue-plan", "positive-hbcore", "prior-kymriah", "guarded-evidence")


def disguised(value):
    """The record with the mark in its id and in every text that a reader could see."""
    if isinstance(value, list):
        return [disguised(item) for item in value]
    if not isinstance(value, dict):
        return value
    shown = ("text", "display", "title", "conclusion", "name", "description")
    made = {key: disguised(item) for key, item in value.items()}
    return made | {key: f"{value[key]} {MARK}" for key in shown if isinstance(value.get(key), str)}


def labelled(record, code, system=CONFIDENTIALITY):
    made = disguised(record)
    made["id"] = f"{MARK}-{record['id']}"
    made["meta"] = record.get("meta", {}) | {"security": [{"system": system, "code": code}]}
    return made


def records(body):
    for key, value in body["prefetch"].items():
        for index, entry in enumerate(value.get("entry", []) if value else []):
            if entry["resource"]["resourceType"] not in ("Patient", "Coverage", "OperationOutcome"):
                yield key, index


EVERY_RECORD = [(story, key, index) for story in STORIES for key, index in records(tale(story))]


@pytest.mark.parametrize(
    ("code", "system"), [("R", CONFIDENTIALITY), ("V", f"{CONFIDENTIALITY}/"), ("R", "urn:oid:2.16.840.1.113883.5.25")]
)
@pytest.mark.parametrize("story", STORIES)
def test_no_record_with_a_confidentiality_label_is_named(story, code, system):
    for _, key, index in (found for found in EVERY_RECORD if found[0] == story):
        body = tale(story)
        entry = body["prefetch"][key]["entry"][index]
        entry["resource"] = labelled(entry["resource"], code, system)
        entry.pop("fullUrl", None)
        assert MARK not in json.dumps(cards_told(body)), entry["resource"]["id"]


@pytest.mark.parametrize("story", STORIES)
def test_a_chart_of_which_everything_is_labelled_names_nothing(story):
    body = tale(story)
    for key, index in records(body):
        entry = body["prefetch"][key]["entry"][index]
        entry["resource"] = labelled(entry["resource"], "R")
        entry.pop("fullUrl", None)
    cards = cards_told(body)
    assert cards and MARK not in json.dumps(cards)


def test_the_mark_would_be_seen_without_the_label():
    """Without labels most of the same records are named, so the tests above can fail."""
    seen = 0
    for story, key, index in EVERY_RECORD:
        body = tale(story)
        entry = body["prefetch"][key]["entry"][index]
        entry["resource"] = disguised(entry["resource"]) | {"id": f"{MARK}-{entry['resource']['id']}"}
        seen += MARK in json.dumps(cards_told(body))
    assert seen >= 40


LABELS = {
    "meta.security of a document": {"meta": {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}},
    "one label, not a list": {"meta": {"security": {"system": CONFIDENTIALITY, "code": "V"}}},
    "securityLabel": {"securityLabel": [{"coding": [{"system": CONFIDENTIALITY, "code": "R"}]}]},
    "a sensitivity": {"meta": {"security": [{"system": ACT_CODE, "code": "PSY"}]}},
    "an ordinary label before it": {
        "meta": {"security": [{"system": CONFIDENTIALITY, "code": "N"}, {"system": ACT_CODE, "code": "ETH"}]}
    },
}


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_a_label_counts_wherever_a_document_carries_it(label):
    body = tale("mcl-complete")
    for key, index in records(body):
        if key == "documents":
            entry = body["prefetch"][key]["entry"][index]
            entry.pop("fullUrl", None)
            entry["resource"] = disguised(entry["resource"]) | {"id": f"{MARK}-{index}"} | label
    (card,) = cards_told(body)
    assert MARK not in json.dumps(card)
    found = {finding["criterion"]: finding["outcome"] for finding in card["extension"][KEY]["findings"]}
    assert found["letter"] == "met", "it still counts"


def test_an_ordinary_label_hides_nothing():
    body = tale("mcl-complete")
    letter = next(e["resource"] for e in body["prefetch"]["documents"]["entry"] if "letter" in e["resource"]["id"])
    letter["meta"]["security"] = [{"system": CONFIDENTIALITY, "code": "N"}]
    assert letter["id"] in json.dumps(cards_told(body))


# ---- what is sensitive by its code

TOPICS = ("dx-hiv", "dx-hiv-inconclusive", "psy-substance", "psy-mental-health", "psy-legal", "psy-noncompliance")
ELSEWHERE = ("psy-caregiver-noncompliance", "psy-sdoh", "lab-hiv-rna")
REVIEWED = {
    "dx-hiv": "warnings",
    "psy-substance": "psychosocial-limits",
    "psy-mental-health": "psychosocial-limits",
    "psy-legal": "psychosocial-limits",
    "psy-noncompliance": "non-compliance",
    "psy-caregiver-noncompliance": "non-compliance",
}


def coded(topic, kind, number, concept):
    """A record of a kind, about a topic, whose words carry the mark."""
    system = next(row.uri for row in shipped_library().systems.by_spelling.values() if row.id == concept.coded[0])
    code = {
        "coding": [{"system": system, "code": concept.coded[1], "display": f"{MARK} {concept.display}"}],
        "text": MARK,
    }
    record = {"resourceType": kind, "id": f"{MARK}-{topic}-{number}", "subject": {"reference": "Patient/mcl-2"}}
    by_kind = {
        "Condition": {
            "code": code,
            "clinicalStatus": {"coding": [{"system": f"{TERMS}/condition-clinical", "code": "active"}]},
            "verificationStatus": {"coding": [{"system": f"{TERMS}/condition-ver-status", "code": "confirmed"}]},
            "recordedDate": "2026-10-01",
        },
        "Observation": {
            "code": code,
            "status": "final",
            "effectiveDateTime": "2026-10-01",
            "valueCodeableConcept": {
                "coding": [{"system": "http://snomed.info/sct", "code": "10828004"}],
                "text": MARK,
            },
            "interpretation": [code],
        },
        "Procedure": {"code": code, "status": "completed", "performedDateTime": "2026-10-01"},
        "DiagnosticReport": {"code": code, "status": "final", "effectiveDateTime": "2026-10-01", "conclusion": MARK},
        "DocumentReference": {
            "type": code,
            "status": "current",
            "date": "2026-10-01T09:00:00Z",
            "description": MARK,
            "content": [{"attachment": {"title": MARK}}],
        },
        "MedicationRequest": {
            "medicationCodeableConcept": {"text": MARK},
            "reasonCode": [code],
            "status": "active",
            "intent": "order",
            "authoredOn": "2026-10-01",
        },
        "ServiceRequest": {"code": code, "status": "active", "intent": "order", "occurrenceDateTime": "2026-12-02"},
    }
    return record | by_kind[kind]


KINDS = (
    "Condition",
    "Observation",
    "Procedure",
    "DiagnosticReport",
    "DocumentReference",
    "MedicationRequest",
    "ServiceRequest",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("topic", [*TOPICS, *ELSEWHERE])
def test_a_sensitive_record_is_counted_and_never_named(topic, kind):
    concepts = list(shipped_library().value_sets[topic].concepts.values())
    for story in ("mcl-complete", "mcl-blue-plan"):
        body = tale(story)
        who = body["context"]["patientId"]
        made = [coded(topic, kind, number, concept) for number, concept in enumerate(concepts)]
        sent = json.loads(json.dumps(made).replace("Patient/mcl-2", f"Patient/{who}"))
        body["prefetch"]["more"] = {"resourceType": "Bundle", "entry": [{"resource": record} for record in sent]}
        text = json.dumps(cards_told(body))
        assert MARK not in text
        for concept in concepts:
            assert concept.display not in text or concept.display in json.dumps(cards_told(tale(story)))


@pytest.mark.parametrize(("topic", "criterion"), REVIEWED.items())
def test_the_number_of_sensitive_diagnoses_is_told(topic, criterion):
    body = tale("mcl-complete")
    plain = to_review(cards_told(tale("mcl-complete")), criterion)
    concept = next(iter(shipped_library().value_sets[topic].concepts.values()))
    record = coded(topic, "Condition", 0, concept)
    body["prefetch"]["conditions"]["entry"].append({"resource": record})
    assert to_review(cards_told(body), criterion) == plain + 1


def to_review(cards, criterion):
    findings = cards[0]["extension"][KEY]["findings"]
    return next(finding for finding in findings if finding["criterion"] == criterion).get("toReview", 0)
