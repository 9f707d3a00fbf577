"""The parts that charts, orders and calls are made of, each in one line of a test.

A field that is None is left out. Codes are those of the made-up library (tests/library) unless a system is given.
"""

import json
from datetime import UTC, date

from cdshooks.engine.centers import CenterMatch
from cdshooks.engine.chart import Reading, State, build_chart
from cdshooks.engine.evidence import Compiler, Context, compile_expression
from cdshooks.engine.identity import identify
from cdshooks.engine.model import Order
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer

AS_OF = date(2026, 11, 21)
SERVICE_DATE = date(2026, 12, 1)
SERVER = "https://ehr.example.org/r4"
EXAMPLE = "http://example.org/codes"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NPI = "http://hl7.org/fhir/sid/us-npi"
TERMS = "http://terminology.hl7.org/CodeSystem"
KINDS = (
    "Patient Coverage Condition Observation Procedure DiagnosticReport DocumentReference MedicationRequest "
    "MedicationAdministration MedicationStatement MedicationDispense ServiceRequest"
).split()
KEYS = {
    "Patient": "patient",
    "Coverage": "coverage",
    "Condition": "conditions",
    "MedicationRequest": "medications",
    "Observation": "observations",
    "Procedure": "procedures",
    "DiagnosticReport": "reports",
    "DocumentReference": "documents",
}
DETERMINATION = "org.cdshooks.determination"


def resource(kind, id_, **fields):
    made = {"resourceType": kind, "id": id_, "subject": {"reference": "Patient/p1"}, **fields}
    return {name: value for name, value in made.items() if value is not None}


def concept(*codes, text=None, system=EXAMPLE):
    made = {"coding": [{"system": system, "code": code} for code in codes], "text": text}
    return {name: value for name, value in made.items() if value}


def term(system, code):
    return {"coding": [{"system": f"{TERMS}/{system}", "code": code}]}


def patient(id_="p1", birth="1960-05-05", **fields):
    return resource("Patient", id_, subject=None, birthDate=birth, **fields)


def condition(code="alpha", id_=None, clinical="active", verified="confirmed", **fields):
    made = {
        "code": concept(code) if isinstance(code, str) else code,
        "clinicalStatus": clinical and term("condition-clinical", clinical),
        "verificationStatus": verified and term("condition-ver-status", verified),
    }
    return resource("Condition", id_ or f"c-{code if isinstance(code, str) else 'made'}", **made | fields)


def observation(value="negative", day="2026-10-20", code="virus-ab", id_=None, status="final", **fields):
    made = {
        "status": status,
        "code": concept(code) if isinstance(code, str) else code,
        "effectiveDateTime": day,
        "valueCodeableConcept": value and concept(value),
    }
    return resource("Observation", id_ or f"o-{code if isinstance(code, str) else 'made'}-{day}", **made | fields)


def report(code="marrow-report", day="2026-10-20", id_=None, status="final", **fields):
    made = {"status": status, "code": concept(code), "effectiveDateTime": day}
    return resource("DiagnosticReport", id_ or f"r-{code}-{day}", **made | fields)


def document(type_="letter-of-need", title=None, day="2026-11-14", id_=None, **fields):
    made = {
        "status": "current",
        "docStatus": "final",
        "type": concept(type_) if type_ else None,
        "date": f"{day}T10:00:00Z" if day else None,
        "content": [{"attachment": {"title": title}}] if title else None,
    }
    return resource("DocumentReference", id_ or f"d-{type_}-{day}", **made | fields)


def procedure(code="cell-infusion", day="2026-10-20", id_=None, status="completed", **fields):
    made = {
        "status": status,
        "code": concept(code) if isinstance(code, str) else code,
        "performedDateTime": day,
    }
    return resource("Procedure", id_ or f"p-{code if isinstance(code, str) else 'made'}-{day}", **made | fields)


def medication(kind="MedicationAdministration", code="900011", day="2024-03-05", id_=None, **fields):
    dated = {"MedicationRequest": "authoredOn", "MedicationDispense": "whenHandedOver"}.get(kind, "effectiveDateTime")
    drug = concept(code, system=RXNORM) if isinstance(code, str) else code
    made = {"status": "completed", "medicationCodeableConcept": drug, dated: day}
    return resource(kind, id_ or f"m-{kind}-{day}", **made | fields)


def asked_service(code="own-transplant", day=None, id_=None, status="active", **fields):
    made = {
        "status": status,
        "intent": "order",
        "code": concept(code) if isinstance(code, str) else code,
        "occurrenceDateTime": day,
    }
    return resource("ServiceRequest", id_ or f"s-{code if isinstance(code, str) else 'made'}", **made | fields)


def drug_order(code="900002", day="2026-12-01", id_="order-1", **fields):
    """A draft order of a cell product."""
    made = {
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": concept(code, system=RXNORM) if isinstance(code, str) else code,
        "dosageInstruction": [{"timing": {"event": [day]}}] if day else None,
    }
    return resource("MedicationRequest", id_, **made | fields)


def coverage(payer="Example Health Plan", id_="cov-1", **fields):
    made = {
        "subject": None,
        "status": "active",
        "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"display": payer}] if payer else None,
    }
    return resource("Coverage", id_, **made | fields)


def center(npi="1000000001", name="Example Hospital", id_="center-1"):
    identifier = [{"system": NPI, "value": npi}] if npi else None
    return resource("Organization", id_, subject=None, identifier=identifier, name=name)


def full_chart():
    """Records with which the newer made-up policy has nothing to obtain."""
    return [
        condition(concept("alpha", "relapsed"), "c-alpha"),
        observation(),
        report(),
        document(),
    ]


# ---- the engine ----


def chart_of(library, *resources, who=None, unread=None, zone=UTC, entries=None, server=SERVER):
    """A Chart of p1; every kind counts as read, save those in `unread` (kind: reason)."""
    sent = entries if entries is not None else [(None, r) for r in [who or patient(), *resources]]
    readings = {kind: Reading(State.READ) for kind in KINDS}
    readings |= {kind: Reading(State.FAILED, why) for kind, why in (unread or {}).items()}
    return build_chart(sent, identify("p1", server, sent), readings, library.systems, zone)


def order_of(product="examplecel", day=SERVICE_DATE, **fields):
    made = {
        "reference": "MedicationRequest/order-1",
        "resource": drug_order(),
        "product": product,
        "recognized_by": "RxNorm 900002",
        "grade": "A",
        "kind": "SCD",
        "service_date": day,
        "service_date_source": "dosageInstruction.timing.event",
    }
    return Order(**made | fields)


def context_of(
    library,
    *resources,
    product="examplecel",
    as_of=AS_OF,
    service=SERVICE_DATE,
    order=None,
    center=None,
    session=(),
    encounter=None,
    **chart,
):
    return Context(
        chart=chart_of(library, *resources, **chart),
        order=order or order_of(product, service),
        product=library.products.by_id.get(product),
        center=center or CenterMatch(),
        as_of=as_of,
        service_date=service,
        session=tuple(session),
        encounter=encounter,
    )


def compiled(library, expression):
    return compile_expression(expression, Compiler(library.value_sets, library.wording, library.products))


# ---- the hooks ----


def bundle(*resources, kind="searchset", **fields):
    entries = [r if "resource" in r else {"resource": r} for r in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entries, **fields}


def prefetch_of(*resources):
    """Each resource under the key that discovery gives to its kind; keys without any get an empty Bundle."""
    keys = {key: bundle() for kind, key in KEYS.items() if kind != "Patient"}
    for sent in resources:
        key = KEYS.get(sent["resourceType"], "others")
        if key == "patient":
            keys[key] = sent
        else:
            keys.setdefault(key, bundle())["entry"].append({"resource": sent})
    return keys


def body_of(*orders, chart=None, prefetch=None, **fields):
    """The bytes of an order-sign call for p1."""
    sent = [patient(), coverage(), *(chart if chart is not None else [])]
    call = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": SERVER,
        "context": {
            "userId": "Practitioner/dr",
            "patientId": "p1",
            "draftOrders": bundle(*(orders or [drug_order()]), kind="collection"),
        },
        "prefetch": prefetch if prefetch is not None else prefetch_of(*sent),
    }
    call["context"] |= fields.pop("context", {})
    return json.dumps(call | fields).encode()


def request_of(*orders, **fields):
    return read_request(body_of(*orders, **fields), "cart-order-sign", "order-sign")


def answer_to(library, *orders, as_of=AS_OF, options=None, **fields):
    return answer(request_of(*orders, **fields), library, as_of, options)


def cards_of(answered):
    return answered.body["cards"]


def determination_of(card):
    return card["extension"][DETERMINATION]


def findings_of(card):
    """The outcome of each criterion by id."""
    return {item["criterion"]: item["outcome"] for item in determination_of(card)["findings"]}
