"""The parts that the stories are made of: one small function per FHIR resource, and the request around them.

Nothing here reads a clock or draws a random number: the order of a chart is taken from a SHA-256 of the
story's name, so the same code writes the same bytes on every machine and every version of Python.
"""

import hashlib
import json
import re
from datetime import date
from uuid import NAMESPACE_URL, uuid5

SERVER = "https://ehr.example.org/r4"
AS_OF = date(2026, 11, 21)
SERVICE_DATE = "2026-12-01"

SNOMED = "http://snomed.info/sct"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
NPI = "http://hl7.org/fhir/sid/us-npi"
UCUM = "http://unitsofmeasure.org"
LOCAL = "https://ehr.example.org/codes"
TERMS = "http://terminology.hl7.org/CodeSystem"

SYNTHETIC = {"tag": [{"system": f"{TERMS}/v3-ActReason", "code": "HTEST", "display": "test health data"}]}
DOCTOR = {"reference": "Practitioner/oncologist", "display": "Dr. Alex Synthetic (SYNTHETIC)"}
KEY_OF = {
    "Coverage": "coverage", "Condition": "conditions", "MedicationRequest": "medications", "Medication": "medications",
    "Observation": "observations", "Procedure": "procedures", "DiagnosticReport": "reports", "DocumentReference": "documents",
}
CHART_KEYS = ("coverage", "conditions", "medications", "observations", "procedures", "reports", "documents")


def resource(type_, id_, **fields):
    """A resource with the synthetic tag; fields that are None are left out, never sent as null."""
    return {"resourceType": type_, "id": id_, "meta": SYNTHETIC} | {k: v for k, v in fields.items() if v is not None}


def concept(*codings, text=None):
    coded = [{"system": system, "code": code} | ({"display": display} if display else {}) for system, code, display in codings]
    return ({"coding": coded} if coded else {}) | ({"text": text} if text else {})


def local(text):
    """A concept that only this hospital's own code system knows."""
    return concept((LOCAL, text.lower().replace(" ", "-"), text), text=text)


def term(system, code):
    return concept((f"{TERMS}/{system}", code, None))


def at(day):
    return f"{day}T09:10:00-05:00"


def patient(id_, given, birth_date, gender):
    name = [{"use": "official", "family": "Synthetic", "given": [given]}]
    record_number = [{"system": "https://ehr.example.org/mrn", "value": f"SYN-{id_}"}]
    return resource("Patient", id_, identifier=record_number, name=name, gender=gender, birthDate=birth_date)


def coverage(who, payer, plan=None):
    """The payer is named by a contained Organization and by the reference's display."""
    organization = resource("Organization", "payer", name=payer)
    plan_class = [{"type": term("coverage-class", "plan"), "value": plan, "name": plan}] if plan else None
    return resource(
        "Coverage", f"{who}-coverage", contained=[organization], status="active", type={"text": plan} if plan else None,
        subscriberId=f"SYN{who.upper()}", beneficiary={"reference": f"Patient/{who}"}, period={"start": "2025-01-01"},
        payor=[{"reference": "#payer", "display": payer}], **{"class": plan_class},
    )


def center(id_="center", name="Example Cancer Center (SYNTHETIC)", npi="1234567893"):
    return resource("Organization", id_, identifier=[{"system": NPI, "value": npi}], active=True, name=name)


def condition(id_, who, code, clinical="active", verification="confirmed", onset=None, category="problem-list-item"):
    return resource(
        "Condition", id_, clinicalStatus=term("condition-clinical", clinical),
        verificationStatus=term("condition-ver-status", verification), category=[term("condition-category", category)],
        code=code, subject={"reference": f"Patient/{who}"}, onsetDateTime=onset, recordedDate=onset,
    )


def observation(id_, who, code, day, category="laboratory", status="final", **value):
    return resource(
        "Observation", id_, status=status, category=[term("observation-category", category)], code=code,
        subject={"reference": f"Patient/{who}"}, effectiveDateTime=at(day), issued=at(day), **value,
    )


RESULTS = {
    "negative": (SNOMED, "260385009", "Negative"), "non-reactive": (SNOMED, "131194007", "Non-Reactive"),
    "positive": (SNOMED, "10828004", "Positive"),
}
SEROLOGIES = {
    "hiv": ("56888-1", "HIV 1+2 Ab+HIV1 p24 Ag [Presence] in Serum or Plasma by Immunoassay"),
    "hbsag": ("5196-1", "Hepatitis B virus surface Ag [Presence] in Serum or Plasma by Immunoassay"),
    "anti-hbc": ("13952-7", "Hepatitis B virus core Ab [Presence] in Serum or Plasma by Immunoassay"),
    "anti-hcv": ("13955-0", "Hepatitis C virus Ab [Presence] in Serum or Plasma by Immunoassay"),
}


def serology(test, who, day, result="negative", suffix="", status="final"):
    code, display = SEROLOGIES[test]
    value = concept(RESULTS[result], text=RESULTS[result][2])
    return observation(f"{who}-{test}{suffix}", who, concept((LOINC, code, display)), day, status=status, valueCodeableConcept=value)


def report(id_, who, code, day, conclusion, category="PAT", status="final"):
    return resource(
        "DiagnosticReport", id_, status=status, category=[term("v2-0074", category)], code=code,
        subject={"reference": f"Patient/{who}"}, effectiveDateTime=at(day), issued=at(day), conclusion=conclusion,
    )


def document(id_, who, code, day, title, status="current"):
    attachment = {"contentType": "application/pdf", "url": f"{SERVER}/Binary/{id_}", "title": title, "creation": at(day)}
    return resource(
        "DocumentReference", id_, status=status, docStatus="final", type=code, subject={"reference": f"Patient/{who}"},
        date=at(day), author=[DOCTOR], authenticator=DOCTOR, description=title, content=[{"attachment": attachment}],
    )


def procedure(id_, who, code, day, status="completed"):
    return resource("Procedure", id_, status=status, code=code, subject={"reference": f"Patient/{who}"}, performedDateTime=at(day))


def medication(id_, who, code, start, end=None, status="completed", stopped_because=None):
    period = {"start": start} | ({"end": end} if end else {})
    return resource(
        "MedicationRequest", id_, status=status, statusReason=stopped_because, intent="order", medicationCodeableConcept=code,
        subject={"reference": f"Patient/{who}"}, authoredOn=at(start), dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": period}}}],
    )


def order_frame(who, organization):
    return {
        "status": "draft", "intent": "order", "subject": {"reference": f"Patient/{who}"},
        "encounter": {"reference": f"Encounter/{who}-visit"}, "authoredOn": at(AS_OF), "requester": DOCTOR,
        "insurance": [{"reference": f"Coverage/{who}-coverage"}], "contained": [organization] if organization else None,
    }


def medication_order(id_, who, code, day=SERVICE_DATE, organization=None, dose="Single intravenous infusion"):
    performer = {"reference": "#center", "display": organization["name"]} if organization else None
    dosage = [{"text": dose, "timing": {"event": [day]}}]
    medicine = {"medicationReference": code} if "reference" in code else {"medicationCodeableConcept": code}
    return resource("MedicationRequest", id_, **order_frame(who, organization), **medicine, performer=performer, dosageInstruction=dosage)


def service_order(id_, who, code, day=SERVICE_DATE, organization=None, **changes):
    performer = [{"reference": "#center", "display": organization["name"]}] if organization else None
    return resource("ServiceRequest", id_, **order_frame(who, organization) | {"code": code, "performer": performer, "occurrenceDateTime": day} | changes)


# ---- the request

def bundle(resources, kind="searchset", full_urls=True):
    entries = [({"fullUrl": f"{SERVER}/{r['resourceType']}/{r['id']}"} if full_urls else {}) | {"resource": r} for r in resources]
    return {"resourceType": "Bundle", "meta": SYNTHETIC, "type": kind} | ({"total": len(entries)} if kind == "searchset" else {}) | {"entry": entries}


def shuffled(seed, items):
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}|{item['resourceType']}/{item['id']}".encode()).digest())


def prefetch(story, person, chart):
    keys = {key: [] for key in CHART_KEYS}
    for item in shuffled(story, chart):
        keys[KEY_OF[item["resourceType"]]].append(item)
    return {"patient": person} | {key: bundle(items) for key, items in keys.items()}


def request(story, person, orders, chart, full_urls=True):
    who = person["id"]
    context = {"userId": "Practitioner/oncologist", "patientId": who, "encounterId": f"{who}-visit"}
    return {
        "hook": "order-sign", "hookInstance": str(uuid5(NAMESPACE_URL, f"https://ehr.example.org/stories/{story}")), "fhirServer": SERVER,
        "context": context | {"draftOrders": bundle(orders, "collection", full_urls)}, "prefetch": prefetch(story, person, chart),
    }


def render(body):
    """JSON with one line per resource, so that a change in a chart is one line in a diff."""
    lines = []

    def fold(value):
        if not isinstance(value, dict):
            return value
        if "entry" in value:
            return value | {"meta": line(value["meta"]), "entry": [line(entry) for entry in value["entry"]]}
        return line(value) if "resourceType" in value else {key: fold(item) for key, item in value.items()}

    def line(value):
        lines.append(json.dumps(value, ensure_ascii=False))
        return f"@{len(lines) - 1}@"

    text = json.dumps(fold(body), ensure_ascii=False, indent=1) + "\n"
    return re.sub(r'"@(\d+)@"', lambda mark: lines[int(mark[1])], text)
