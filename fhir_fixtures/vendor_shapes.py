"""The shapes in which one big vendor sends requests, each a function from a plain request to the same told its way.

Written by us from what the vendor's public documentation states; none of its text or examples is copied. What every
chart says stays the same, so the answer must stay the same.
"""

import hashlib
import json

from story_parts import CPT, HCPCS, ICD10CM, ICD10PCS, LOINC, NDC, RXNORM, SERVER, SNOMED, resource

ABSENT = {
    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}],
}
OIDS = {
    RXNORM: "urn:oid:2.16.840.1.113883.6.88",
    SNOMED: "urn:oid:2.16.840.1.113883.6.96",
    ICD10CM: "urn:oid:2.16.840.1.113883.6.90",
    ICD10PCS: "urn:oid:2.16.840.1.113883.6.4",
    LOINC: "urn:oid:2.16.840.1.113883.6.1",
    HCPCS: "urn:oid:2.16.840.1.113883.6.285",
    NDC: "urn:oid:2.16.840.1.113883.6.69",
    CPT: "urn:oid:2.16.840.1.113883.6.12",
}
PROPRIETARY = [  # drug files that need a licence: the systems are real, the codes are made up
    {"system": "urn:oid:2.16.840.1.113883.6.68", "code": "99999999999999"},
    {"system": "urn:oid:2.16.840.1.113883.6.253", "code": "9999999"},
    {"system": "urn:oid:2.16.840.1.113883.6.162", "code": "99999"},
    {"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.698288", "code": "900001"},
]
PREFIX = "com.epic.cdshooks.request."
SITE_KEYS = {
    "patient": "-user",
    "coverage": "Coverages.1",
    "conditions": "ProblemList",
    "medications": "meds all",
    "observations": "LabResults",
    "reports": "path",
    "documents": "Notes/CDA",
}


def drafts(body):
    """The draft orders of a request."""
    return [entry["resource"] for entry in body["context"]["draftOrders"]["entry"]]


def without_full_urls(body):
    """Name no entry of the orders' Bundle."""
    for entry in body["context"]["draftOrders"]["entry"]:
        entry.pop("fullUrl", None)
    return body


def medicine_of(order):
    """Make the Medication of an order, its concept coded first by proprietary drug files and without displays."""
    concept = order.pop("medicationCodeableConcept")
    codings = [{"system": item["system"], "code": item["code"]} for item in concept["coding"]]
    coded = {"coding": [*PROPRIETARY, *codings], "text": concept["text"].upper()}
    return resource("Medication", f"{order['id']}.product", code=coded)


def medicines_beside(body):
    """Put each medicine into an entry of its own; the order refers to it."""
    for order in drafts(body):
        if "medicationCodeableConcept" in order:
            medicine = medicine_of(order)
            reference = {"reference": f"Medication/{medicine['id']}", "display": medicine["code"]["text"]}
            order["medicationReference"] = reference
            body["context"]["draftOrders"]["entry"].append({"resource": medicine})
    return body


def medicines_contained(body):
    """Put each medicine into its order."""
    for order in drafts(body):
        if "medicationCodeableConcept" in order:
            medicine = medicine_of(order)
            order["medicationReference"] = {"reference": f"#{medicine['id']}"}
            order["contained"] = [*order.get("contained", []), medicine]
    return body


def medicines_elsewhere(body):
    """Leave each medicine out of the payload; the order refers to it and shows its name."""
    for order in drafts(body):
        if "medicationCodeableConcept" in order:
            name = order.pop("medicationCodeableConcept")["text"].upper()
            order["medicationReference"] = {"reference": f"Medication/{order['id']}.product", "display": name}
    return body


def medicines_by_display(body):
    """Show each medicine's name and nothing else."""
    for order in drafts(body):
        if "medicationCodeableConcept" in order:
            order["medicationReference"] = {"display": order.pop("medicationCodeableConcept")["text"].upper()}
    return body


def services_of_stu3(body):
    """Send service orders as ProcedureRequest in its STU3 shape, inside an R4 payload."""
    for order in drafts(body):
        if order["resourceType"] == "ServiceRequest":
            order["resourceType"] = "ProcedureRequest"
            order["context"] = order.pop("encounter")
            order["requester"] = {"agent": order.pop("requester")}
            if "performer" in order:
                order["performer"] = order["performer"][0]
    return body


def no_requesters(body):
    """Say of whoever orders only that it is not told."""
    for order in drafts(body):
        if order["resourceType"] != "Medication":
            order["requester"] = ABSENT
    return body


def oid_systems(body):
    """Name every code system by its OID."""
    text = json.dumps(body)
    for uri, oid in OIDS.items():
        text = text.replace(json.dumps(uri), json.dumps(oid))
    return json.loads(text)


def absolute_prefetch(body):
    """Refer absolutely in prefetch, relatively in the orders."""
    return body | {"prefetch": _absolute(body["prefetch"])}


def _absolute(value):
    if isinstance(value, list):
        return [_absolute(item) for item in value]
    if not isinstance(value, dict):
        return value
    spelt = {key: _absolute(item) for key, item in value.items()}
    if isinstance(value.get("reference"), str) and not value["reference"].startswith("#"):
        spelt["reference"] = f"{SERVER}/{value['reference']}"
    return spelt


def long_ids(body):
    """Give the patient, and all that is named after the patient, an id of more than 200 characters."""
    who = body["context"]["patientId"]
    return json.loads(json.dumps(body).replace(who, long_id(who)))


def long_id(who):
    """Make an id that FHIR's own rule would not allow."""
    return f"e{hashlib.sha512(who.encode()).hexdigest()}.{hashlib.sha256(who.encode()).hexdigest()}-{who}.3"


def explained_empty_searches(body):
    """Answer a search without results with an OperationOutcome that says so."""
    issue = {"severity": "warning", "code": "processing", "details": {"text": "The search found nothing."}}
    for key, value in body["prefetch"].items():
        if isinstance(value, dict) and value.get("entry") == []:
            nothing = resource("OperationOutcome", f"no-{key}", issue=[issue])
            value |= {"total": 0, "entry": [{"resource": nothing, "search": {"mode": "outcome"}}]}
    return body


def keys_of_the_site(body):
    """Name the prefetch keys as a site did; procedures keep their name, for an empty answer proves nothing else."""
    return body | {"prefetch": {SITE_KEYS.get(key, key): value for key, value in body["prefetch"].items()}}


def single_categories(body):
    """Give a category as one object where R4 wants a list."""
    for value in body["prefetch"].values():
        for entry in value.get("entry", []):
            category = entry["resource"].get("category")
            if isinstance(category, list) and category:
                entry["resource"]["category"] = category[0]
    return body


def odd_identifiers(body):
    """Give the patient an identifier without a value, and blanks before another."""
    for value in body["prefetch"].values():
        if value.get("resourceType") == "Patient":
            known = [item | {"value": f" {item['value']}"} for item in value["identifier"]]
            value["identifier"] = [{"use": "old", "system": "urn:oid:1.2.840.114350.1.13.0.1.7.5.737384.0"}, *known]
    return body


def role_as_user(body):
    """Name the user by a role, and no encounter."""
    context = {key: value for key, value in body["context"].items() if key != "encounterId"}
    return body | {"context": context | {"userId": "PractitionerRole/oncologist"}}


def vendor_token(body):
    """Add a token whose scopes are names with blanks and brackets, and which names no patient."""
    granted = {
        "access_token": "SYNTHETIC.NO-TOKEN.0",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "MedicationRequest.Read (Unsigned Order) (R4) Patient.Search [Demographics] (R4)",
        "subject": "00000000-0000-4000-8000-000000000000",
    }
    return body | {"fhirAuthorization": granted}


def vendor_extension(body):
    """Add the request extensions, a number as text and some that no documentation names."""
    told = {
        "bpa-trigger-action": "23",
        "cds-hooks-specification-version": "1.1",
        "fhir-version": "R4",
        "criteria-id": "100001",
        "epic-version": "11.3",
        "cds-hooks-implementation-version": "1.0",
        "su-version": None,
    }
    extension = {f"{PREFIX}{name}": value for name, value in told.items()}
    return body | {"extension": extension | {"internal.epic.cdshooks.request.epic-emp-id": "1"}}


SHAPES = (
    without_full_urls,
    medicines_beside,
    services_of_stu3,
    no_requesters,
    oid_systems,
    absolute_prefetch,
    long_ids,
    explained_empty_searches,
    keys_of_the_site,
    single_categories,
    odd_identifiers,
    role_as_user,
    vendor_token,
    vendor_extension,
)


def as_vendor_sends(body):
    """Tell a plain request in all the vendor's shapes at once."""
    for shape in SHAPES:
        body = shape(body)
    return body
