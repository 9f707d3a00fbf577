"""Calls of many shapes as clients of Da Vinci CRD make them: whatever the shape, what no answer may break is kept."""

import json
from itertools import product

import pytest
from parts import (
    AS_OF,
    RXNORM,
    SERVER,
    asked_service,
    bundle,
    concept,
    coverage,
    determination_of,
    drug_order,
    full_chart,
    patient,
    prefetch_of,
    resource,
)

from cdshooks.cli.fhir_models import all_departures
from cdshooks.hooks.coverage_information import MARK
from cdshooks.hooks.coverage_rules import PARTS, URL, coverage_departures
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import ServiceOptions, answer

REQUESTED, CONFIGURATION = "davinci-crd.requestedVersion", "davinci-crd.configuration"
SIDES, VERSIONS = ("provider", "payer"), (None, "2.0", "2.1", "2.2", "nine")
ONE, TWO = coverage(order=1), coverage("Somebody Else", "cov-2", order=2)
OTHERS = [{"reference": "Coverage/cov-2"}]
MEDICATION = {"resourceType": "Medication", "id": "inside", "code": concept("900002", system=RXNORM)}
BILLED = {
    "url": "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options",
    "valueCodeableConcept": concept("900002", system=RXNORM),
}
SAID_BY_A_PLAN = {
    "url": URL,
    "extension": [
        {"url": "coverage", "valueReference": {"reference": "Coverage/cov-1"}},
        {"url": "covered", "valueCode": "covered"},
        {"url": "coverage-assertion-id", "valueString": "plan-1"},
    ],
}


def drug(id_="drug", **fields):
    """A CAR-T order as the guide's profile for a MedicationRequest has it."""
    made = {"intent": "original-order", "authoredOn": "2026-11-20", "requester": {"reference": "Practitioner/dr"}}
    return drug_order(id_=id_, **made | fields)


def device(id_="device"):
    code = concept("E0431", system="https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets")
    return resource("DeviceRequest", id_, status="draft", intent="original-order", codeCodeableConcept=code)


def words(id_="words"):
    return resource("CommunicationRequest", id_, status="draft", payload=[{"contentString": "send the records"}])


OTHER = asked_service("own-transplant", id_="other", status="draft", intent="original-order")
CALLS = {
    "one order": ([drug()], {}),
    "two of one product": ([drug(), drug("again")], {}),
    "with a device, a message and a service": ([device(), words(), drug(), OTHER], {}),
    "nothing of ours": ([device(), words(), OTHER], {}),
    "signed again": ([drug(status="active")], {}),
    "not to be done": ([drug(doNotPerform=True)], {}),
    "without an id": ([drug(id_=None)], {}),
    "by a contained medication": (
        [drug(code=None, contained=[MEDICATION], medicationReference={"reference": "#inside"})],
        {},
    ),
    "by a likely billing code": (
        [drug(code={**concept("ours", system="http://site.example"), "extension": [BILLED]})],
        {},
    ),
    "product not told": ([drug(code={"text": "cell therapy of the class"})], {}),
    "no coverage": ([drug()], {"coverages": []}),
    "two coverages": ([drug()], {"coverages": [ONE, TWO]}),
    "one plan twice": ([drug()], {"coverages": [ONE, coverage(id_="cov-2", order=2)]}),
    "each order its coverage": ([drug(), drug("again", insurance=OTHERS)], {"coverages": [ONE, TWO]}),
    "a coverage that was not sent": ([drug(insurance=OTHERS)], {"coverages": []}),
    "a coverage of somebody else": ([drug()], {"coverages": [coverage(beneficiary={"reference": "Patient/p2"})]}),
    "a coverage without a payer": ([drug()], {"coverages": [coverage(payer=None)]}),
    "a coverage without an id": ([drug()], {"coverages": [coverage(id_=None)]}),
    "a coverage that lapsed": ([drug()], {"coverages": [coverage(period={"end": "2025-01-01"})]}),
    "absolute references": (
        [drug(subject={"reference": f"{SERVER}/Patient/p1"}, insurance=[{"reference": f"{SERVER}/Coverage/cov-1"}])],
        {},
    ),
    "a plan has spoken": ([drug(extension=[SAID_BY_A_PLAN])], {}),
    "an order of another patient": ([drug(), drug("theirs", subject={"reference": "Patient/p2"})], {}),
    "order-select": ([drug(), OTHER], {"hook": "order-select", "selections": ["MedicationRequest/drug"]}),
    "order-select of another": ([drug(), OTHER], {"hook": "order-select", "selections": ["ServiceRequest/other"]}),
    "order-dispatch": ([drug(status="active")], {"hook": "order-dispatch"}),
    "order-dispatch in its first form": ([drug(status="active")], {"hook": "order-dispatch", "first": True}),
    "order-dispatch of two": ([drug(status="active"), drug("again", status="active")], {"hook": "order-dispatch"}),
    "no coverage information": ([drug()], {"options": {"coverage-info": False}}),
    "no cards": ([drug(), drug("again")], {"options": {"guideline": False}}),
    "one card": ([drug(), drug("again")], {"options": {"max-cards": 1}}),
    "nothing at all": ([drug()], {"options": {"coverage-info": False, "guideline": False}}),
    "nonsense": ([drug()], {"options": {"coverage-info": "no", "max-cards": -1, "guideline": 7, "x": [{}]}}),
    "options in a list": ([drug()], {"options": [{"coverage-info": False}]}),
    "everything on": ([drug()], {"options": {"coverage-info": True, "unsolicited-determ": True, "max-cards": 99}}),
}


def called(orders, version, hook="order-sign", coverages=None, options=None, selections=None, first=False):
    """The body of a call."""
    chart = [patient(), *([ONE] if coverages is None else coverages), *full_chart()]
    context = {"patientId": "p1", "userId": "Practitioner/dr", "draftOrders": bundle(*orders, kind="collection")}
    if hook == "order-dispatch":
        names = [f"{order['resourceType']}/{order['id']}" for order in orders]
        named = {"order": names[0]} if first else {"dispatchedOrders": names}
        context = {"patientId": "p1", "performer": "Organization/center-1", **named}
        chart += orders
    context |= {"selections": selections} if selections else {}
    said = {**({REQUESTED: version} if version else {}), **({CONFIGURATION: options} if options is not None else {})}
    return {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": SERVER,
        "context": context,
        "prefetch": prefetch_of(*chart),
        "extension": said,
    }


def ours(order):
    extensions = [e for e in order.get("extension", []) if e["url"] == URL]
    return [e for e in extensions if any(str(p.get("valueString")).startswith(MARK) for p in e["extension"])]


def parts_of(extension, name):
    return [
        value for part in extension["extension"] if part["url"] == name for key, value in part.items() if key != "url"
    ]


@pytest.mark.parametrize(("side", "version"), [*product(SIDES, VERSIONS)])
@pytest.mark.parametrize("name", CALLS)
def test_whatever_the_call_the_answer_keeps_the_guide_s_rules(example, name, side, version):
    orders, fields = CALLS[name]
    body = called(orders, version, **fields)
    service = service_of(body["hook"])
    request = read_request(json.dumps(body).encode(), service, HOOKS[service])
    answered = answer(request, example, AS_OF, ServiceOptions(system_actions=True, side=side))
    assert answered.failure is None
    actions, cards = answered.body.get("systemActions", []), answered.body["cards"]
    known = "findings"  # our own extension says so with an empty list: nothing could be decided
    assert [d for d in all_departures(answered.body) if not d.place.endswith(known)] == []
    updates_are_the_orders_with_an_extension(actions, orders)
    extensions_are_right(actions, fields)
    cards_are_apart_from_them(actions, cards, len(orders))
    options_are_obeyed(actions, cards, fields.get("options"))


def updates_are_the_orders_with_an_extension(actions, orders):
    sent = {order.get("id"): order for order in orders}
    assert len({action["resource"]["id"] for action in actions}) == len(actions)
    for action in actions:
        assert action.keys() == {"type", "description", "resource"} and action["type"] == "update"
        order = action["resource"]
        assert ours(order)
        rest = [e for e in order["extension"] if e not in ours(order)]
        plain = {**order, "extension": rest} if rest else {k: v for k, v in order.items() if k != "extension"}
        assert plain == sent[order["id"]] and order["subject"]["reference"].endswith("Patient/p1")


def extensions_are_right(actions, fields):
    said = [extension for action in actions for extension in ours(action["resource"])]
    assert [d for e in said for version in PARTS for d in coverage_departures(e, version)] == []
    ids = [parts_of(extension, "coverage-assertion-id")[0] for extension in said]
    assert len(ids) == len(set(ids))
    for extension in said:
        (reference,) = parts_of(extension, "coverage")
        assert reference["reference"] in ("Coverage/cov-1", "Coverage/cov-2")
        assert set(parts_of(extension, "covered")) <= {"conditional", "not-covered"}
        assert not (fields.get("hook") == "order-select" and parts_of(extension, "doc-needed"))


def cards_are_apart_from_them(actions, cards, orders):
    reasons = [parts_of(e, "reason")[0]["text"].partition(". ")[0] for a in actions for e in ours(a["resource"])]
    for card in cards:
        assert card["source"]["label"] and card["source"]["topic"]["code"] != "coverage-info"
        assert card["indicator"] != "critical" and len(card["summary"]) < 140
        assert not [reason for reason in reasons if reason in card["detail"]]
        if determination_of(card).get("coverageInformation") and orders > 1:
            assert "This is about one order of several: " in card["detail"]


def options_are_obeyed(actions, cards, options):
    asked = options if isinstance(options, dict) else {}
    assert not (asked.get("coverage-info") is False and actions)
    assert not (asked.get("guideline") is False and cards)
    assert len(cards) <= (1 if asked.get("max-cards") == 1 else 3)


def test_the_calls_are_of_many_kinds(example):
    """The rules are not held to nothing: some calls get cards and updates, some neither."""
    counts = set()
    for orders, fields in CALLS.values():
        body = called(orders, "2.2", **fields)
        service = service_of(body["hook"])
        request = read_request(json.dumps(body).encode(), service, HOOKS[service])
        told = answer(request, example, AS_OF, ServiceOptions(system_actions=True)).body
        counts.add((len(told["cards"]), len(told.get("systemActions", []))))
    assert counts >= {(0, 0), (1, 1), (2, 2), (1, 0), (0, 2), (1, 2), (2, 1)}
