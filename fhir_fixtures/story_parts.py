"""The parts that the stories are made of: one small function per FHIR resource, and the everyday noise of a chart.

Nothing here reads a clock or draws a random number: every "random" choice is taken from a SHA-256 of the
story's name, so the same code writes the same bytes on every machine and every version of Python.
"""

import hashlib
import json
import re
from datetime import date, timedelta
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


# ---- the everyday noise of a chart

def number(*words, low, high):
    """A whole number between low and high that depends on the words alone."""
    digest = hashlib.sha256("|".join(map(str, words)).encode()).digest()
    return low + int.from_bytes(digest[:8], "big") % (high - low + 1)


def shuffled(seed, items):
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}|{item['resourceType']}/{item['id']}".encode()).digest())


LABS = (  # LOINC, name, low and high in tenths, unit
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", 7, 12, "mg/dL"),
    ("98979-8", "Glomerular filtration rate/1.73 sq M.predicted", 700, 980, "mL/min/{1.73_m2}"),
    ("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", 120, 380, "U/L"),
    ("1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", 130, 360, "U/L"),
    ("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", 3, 10, "mg/dL"),
    ("751-8", "Neutrophils [#/volume] in Blood by Automated count", 18, 56, "10*3/uL"),
    ("731-0", "Lymphocytes [#/volume] in Blood by Automated count", 6, 22, "10*3/uL"),
    ("777-3", "Platelets [#/volume] in Blood by Automated count", 1100, 2600, "10*3/uL"),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", 98, 141, "g/dL"),
)
VITALS = (("Heart rate", 620, 880, "/min"), ("Body temperature", 364, 371, "Cel"), ("Systolic blood pressure", 1120, 1380, "mm[Hg]"))
OLD_PROBLEMS = ("Hypertension", "Hyperlipidemia", "Seasonal allergic rhinitis", "Osteoarthritis of knee", "Ankle sprain",
                "Gastroesophageal reflux", "Acute sinusitis", "Vitamin D deficiency", "Tinea pedis")
OLD_MEDICINES = ("Lisinopril", "Atorvastatin", "Omeprazole", "Allopurinol", "Acyclovir", "Ondansetron", "Cetirizine", "Acetaminophen",
                 "Cholecalciferol", "Amoxicillin", "Docusate", "Loratadine")
OLD_PROCEDURES = ("Colonoscopy", "Central venous port placement", "Removal of skin lesion", "Dental cleaning", "Knee injection")
OLD_REPORTS = ("CT chest abdomen pelvis", "PET-CT skull base to thigh", "Chest radiograph", "Abdominal ultrasound")
NOTES = (("11506-3", "Progress note"), ("34780-7", "Hematology and medical oncology note"), ("11488-4", "Consult note"),
         ("34117-2", "History and physical note"), ("18842-5", "Discharge summary"), ("11502-2", "Laboratory report"), ("34111-5", "Emergency department note"))


def quantity(tenths, unit):
    return {"value": tenths / 10, "unit": unit, "system": UCUM, "code": unit}


def lab_series(story, who, draws):
    for draw in range(draws):
        day = AS_OF - timedelta(days=5 + 21 * draw)
        for code, name, low, high, unit in LABS:
            value = quantity(number(story, code, draw, low=low, high=high), unit)
            yield observation(f"{who}-lab-{code}-{draw}", who, concept((LOINC, code, name)), day, valueQuantity=value)


def vital_series(story, who, visits):
    for visit in range(visits):
        day = AS_OF - timedelta(days=5 + 42 * visit)
        oxygen = concept((LOINC, "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"), (LOINC, "2708-6", "Oxygen saturation in Arterial blood"))
        percent = quantity(number(story, "spo2", visit, low=95, high=99) * 10, "%")
        yield observation(f"{who}-spo2-{visit}", who, oxygen, day, "vital-signs", valueQuantity=percent)
        for index, (name, low, high, unit) in enumerate(VITALS):
            value = quantity(number(story, name, visit, low=low, high=high), unit)
            yield observation(f"{who}-vital-{index}-{visit}", who, local(name), day, "vital-signs", valueQuantity=value)


def old_records(story, who):
    def day(word):
        return str(AS_OF - timedelta(days=number(story, word, low=200, high=2600)))

    for index, name in enumerate(OLD_PROBLEMS):
        clinical = "resolved" if index % 2 else "active"
        yield condition(f"{who}-old-problem-{index}", who, local(name), clinical, onset=day(name), category="encounter-diagnosis")
    for index, name in enumerate(OLD_MEDICINES):
        yield medication(f"{who}-old-medicine-{index}", who, local(name), day(name), status="active" if index < 4 else "completed")
    for index, name in enumerate(OLD_PROCEDURES):
        yield procedure(f"{who}-old-procedure-{index}", who, local(name), day(name))
    for index, name in enumerate(OLD_REPORTS):
        yield report(f"{who}-old-report-{index}", who, concept((LOINC, "18748-4", "Diagnostic imaging study"), text=name), day(name), "No acute finding.", "RAD")


def old_notes(story, who, count):
    for index in range(count):
        code, name = NOTES[index % len(NOTES)]
        day = AS_OF - timedelta(days=number(story, "note", index, low=3, high=900))
        yield document(f"{who}-note-{index}", who, concept((LOINC, code, name)), day, name)


def noise(story, who, draws=9, notes=16):
    return [*lab_series(story, who, draws), *vital_series(story, who, 6), *old_records(story, who), *old_notes(story, who, notes)]


# ---- the request

def bundle(resources, kind="searchset", full_urls=True):
    entries = [({"fullUrl": f"{SERVER}/{r['resourceType']}/{r['id']}"} if full_urls else {}) | {"resource": r} for r in resources]
    return {"resourceType": "Bundle", "meta": SYNTHETIC, "type": kind} | ({"total": len(entries)} if kind == "searchset" else {}) | {"entry": entries}


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
