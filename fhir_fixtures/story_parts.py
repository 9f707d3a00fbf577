"""The parts that the stories are made of: one small function per FHIR resource.

Every resource carries the tag for test data. Codes come from the card library's value sets; what the value
sets do not know (a heart rate, a cough) carries only a code of the invented hospital.
"""

from datetime import date

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


def resource(type_, id_, **fields):
    """Make a resource with the synthetic tag; a field that is None is left out, never sent as null."""
    sent = {name: value for name, value in fields.items() if value is not None}
    return {"resourceType": type_, "id": id_, "meta": SYNTHETIC} | sent


def about(who):
    """Refer to the patient."""
    return {"reference": f"Patient/{who}"}


def concept(*codings, text=None):
    """Make a CodeableConcept of (system, code, display) and a text."""
    coded = [
        {"system": system, "code": code} | ({"display": display} if display else {})
        for system, code, display in codings
    ]
    return ({"coding": coded} if coded else {}) | ({"text": text} if text else {})


def local(text):
    """Make a concept that only this hospital's own code system knows."""
    return concept((LOCAL, text.lower().replace(" ", "-"), text), text=text)


def term(system, code):
    """Make a concept from one of FHIR's own code systems."""
    return concept((f"{TERMS}/{system}", code, None))


def at(day):
    """Give the day an ordinary hour."""
    return f"{day}T09:10:00-05:00"


def patient(id_, given, birth_date, gender):
    """Make an invented person."""
    return resource(
        "Patient",
        id_,
        identifier=[{"system": "https://ehr.example.org/mrn", "value": f"SYN-{id_}"}],
        name=[{"use": "official", "family": "Synthetic", "given": [given]}],
        gender=gender,
        birthDate=birth_date,
    )


def coverage(who, payer, plan):
    """Make a coverage whose payer is named by a contained Organization and by the reference's display."""
    plan_class = {"type": term("coverage-class", "plan"), "value": plan, "name": plan}
    return resource(
        "Coverage",
        f"{who}-coverage",
        contained=[resource("Organization", "payer", name=payer)],
        status="active",
        type={"text": plan},
        subscriberId=f"SYN{who.upper()}",
        beneficiary=about(who),
        period={"start": "2025-01-01"},
        payor=[{"reference": "#payer", "display": payer}],
        **{"class": [plan_class]},
    )


def center(id_="center", name="Example Cancer Center (SYNTHETIC)", npi="1234567893"):
    """Make a treatment centre."""
    return resource("Organization", id_, identifier=[{"system": NPI, "value": npi}], active=True, name=name)


def visit(who, organization):
    """Make the encounter in which the order is signed."""
    return resource(
        "Encounter",
        f"{who}-visit",
        status="in-progress",
        subject=about(who),
        period={"start": at(AS_OF)},
        serviceProvider={"reference": f"Organization/{organization['id']}", "display": organization["name"]},
        **{"class": {"system": f"{TERMS}/v3-ActCode", "code": "AMB"}},
    )


def condition(id_, who, code, clinical="active", onset=None, category="problem-list-item"):
    """Make a confirmed diagnosis or problem."""
    return resource(
        "Condition",
        id_,
        clinicalStatus=term("condition-clinical", clinical),
        verificationStatus=term("condition-ver-status", "confirmed"),
        category=[term("condition-category", category)],
        code=code,
        subject=about(who),
        onsetDateTime=onset,
        recordedDate=onset,
    )


def observation(id_, who, code, day, category="laboratory", status="final", **value):
    """Make a result; its value[x] or dataAbsentReason is given by name."""
    return resource(
        "Observation",
        id_,
        status=status,
        category=[term("observation-category", category)],
        code=code,
        subject=about(who),
        effectiveDateTime=at(day),
        issued=at(day),
        **value,
    )


RESULTS = {
    "negative": concept((SNOMED, "260385009", "Negative"), text="Negative"),
    "positive": concept((SNOMED, "10828004", "Positive"), text="Positive"),
    "indeterminate": concept((SNOMED, "82334004", "Indeterminate"), text="Indeterminate"),
}
SEROLOGIES = {
    "hiv": concept((LOINC, "56888-1", "HIV 1+2 Ab+HIV1 p24 Ag [Presence] in Serum or Plasma by Immunoassay")),
    "hbsag": concept((LOINC, "5196-1", "Hepatitis B virus surface Ag [Presence] in Serum or Plasma")),
    "anti-hbc": concept((LOINC, "13952-7", "Hepatitis B virus core Ab [Presence] in Serum or Plasma")),
    "anti-hcv": concept((LOINC, "13955-0", "Hepatitis C virus Ab [Presence] in Serum or Plasma")),
}


def serology(test, who, day, result="negative", suffix="", status="final"):
    """Make the result of one virus test."""
    code, value = SEROLOGIES[test], RESULTS[result]
    return observation(f"{who}-{test}{suffix}", who, code, day, status=status, valueCodeableConcept=value)


def report(id_, who, code, day, conclusion, category="PAT", status="final"):
    """Make a diagnostic report."""
    return resource(
        "DiagnosticReport",
        id_,
        status=status,
        category=[term("v2-0074", category)],
        code=code,
        subject=about(who),
        effectiveDateTime=at(day),
        issued=at(day),
        conclusion=conclusion,
    )


def document(id_, who, code, day, title, status="current"):
    """Make a document with an author; its text lies in a Binary that nobody sends."""
    attachment = {
        "contentType": "application/pdf",
        "url": f"{SERVER}/Binary/{id_}",
        "title": title,
        "creation": at(day),
    }
    return resource(
        "DocumentReference",
        id_,
        status=status,
        docStatus="final",
        type=code,
        subject=about(who),
        date=at(day),
        author=[DOCTOR],
        authenticator=DOCTOR,
        description=title,
        content=[{"attachment": attachment}],
    )


def procedure(id_, who, code, day):
    """Make a completed procedure."""
    return resource("Procedure", id_, status="completed", code=code, subject=about(who), performedDateTime=at(day))


def medication(id_, who, code, start, end=None, status="completed"):
    """Make a medicine that was given from one day to another."""
    period = {"start": start} | ({"end": end} if end else {})
    return resource(
        "MedicationRequest",
        id_,
        status=status,
        intent="order",
        medicationCodeableConcept=code,
        subject=about(who),
        authoredOn=at(start),
        dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": period}}}],
    )


def order_frame(who, organization):
    """Fill the fields that every draft order has; the centre is a contained Organization."""
    return {
        "status": "draft",
        "intent": "order",
        "subject": about(who),
        "encounter": {"reference": f"Encounter/{who}-visit"},
        "authoredOn": at(AS_OF),
        "requester": DOCTOR,
        "insurance": [{"reference": f"Coverage/{who}-coverage"}],
        "contained": [organization] if organization else None,
    }


def performed_at(organization):
    """Refer to the contained centre."""
    return {"reference": "#center", "display": organization["name"]}


def medication_order(id_, who, code, day=SERVICE_DATE, organization=None, dose="Single intravenous infusion"):
    """Make a draft MedicationRequest; `code` is a concept, or a reference to a Medication."""
    frame = order_frame(who, organization)
    frame["medicationReference" if "reference" in code else "medicationCodeableConcept"] = code
    frame["performer"] = performed_at(organization) if organization else None
    frame["dosageInstruction"] = [{"text": dose, "timing": {"event": [day]}}]
    return resource("MedicationRequest", id_, **frame)


def service_order(id_, who, code, day=SERVICE_DATE, organization=None, status="draft"):
    """Make a draft ServiceRequest."""
    frame = order_frame(who, organization) | {"status": status, "code": code, "occurrenceDateTime": day}
    frame["performer"] = [performed_at(organization)] if organization else None
    return resource("ServiceRequest", id_, **frame)
