"""Requests in the shapes of one big vendor: whatever the shape, the answer is that of the plain story."""

import json
import logging

import pytest
from tales import cards_told, fixture_program, shipped_library, tale

from cdshooks.hooks.request import read_request
from cdshooks.server.app import create_app
from cdshooks.server.call_log import JsonLines
from cdshooks.server.settings import read_settings

shapes = fixture_program("vendor_shapes")
KEY = "org.cdshooks.determination"
TWINS = {
    "epic-mcl-missing-three": "mcl-missing-three",
    "epic-lbcl-yescarta": "lbcl-yescarta-hcpcs",
    "epic-prior-kymriah": "prior-kymriah",
    "epic-mm-abecma": "mm-abecma-ndc11",
}


def by_criterion(cards, who):
    """The outcome, reason, ask and evidence of each finding, under the plain ids."""
    text = json.dumps([card["extension"][KEY] for card in cards])
    found = json.loads(text.replace(shapes.long_id(who), who).replace("ProcedureRequest/", "ServiceRequest/"))
    return [(told["outcome"], told.get("policy"), told["findings"]) for told in found]


@pytest.mark.parametrize(("epic", "plain"), TWINS.items())
def test_a_story_in_the_vendor_s_shapes_has_the_findings_of_the_plain_story(epic, plain):
    told, expected = tale(epic), tale(plain)
    assert "fullUrl" not in json.dumps(told["context"])
    assert len(told["context"]["patientId"]) > 200
    who = expected["context"]["patientId"]
    assert by_criterion(cards_told(told), who) == by_criterion(cards_told(expected), who)


OTHER_WAYS = (shapes.medicines_contained,)


@pytest.mark.parametrize("shape", [*shapes.SHAPES, *OTHER_WAYS], ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("story", TWINS.values())
def test_each_shape_alone_changes_nothing(story, shape):
    who = tale(story)["context"]["patientId"]
    plain, told = cards_told(tale(story)), cards_told(shape(tale(story)))
    assert by_criterion(told, who) == by_criterion(plain, who)
    assert [card["summary"] for card in told] == [card["summary"] for card in plain]


@pytest.mark.parametrize("shape", [shapes.medicines_elsewhere, shapes.medicines_by_display])
def test_a_medicine_that_was_not_sent_is_recognised_by_the_name_that_is_shown(shape):
    (card,) = cards_told(shape(tale("mcl-missing-three")))
    told = card["extension"][KEY]
    assert told["product"] == "tecartus"
    assert told["recognizedBy"].startswith("text")


def test_a_medicine_that_came_in_prefetch_is_found_there():
    body = shapes.medicines_beside(tale("mcl-missing-three"))
    beside = body["context"]["draftOrders"]["entry"].pop()
    body["prefetch"]["meds-of-the-site"] = {"resourceType": "Bundle", "entry": [beside]}
    (card,) = cards_told(body)
    assert card["extension"][KEY]["recognizedBy"] == "RxNorm 2387347"


def test_an_earlier_transplant_order_in_the_shape_of_stu3_is_seen():
    plain, told = tale("rescue-transplant-planned"), shapes.services_of_stu3(tale("rescue-transplant-planned"))
    assert {order["resourceType"] for order in shapes.drafts(told)} == {"MedicationRequest", "ProcedureRequest"}
    (card,), (expected,) = cards_told(told), cards_told(plain)
    assert card["extension"][KEY]["outcome"] == expected["extension"][KEY]["outcome"] == "exclusion-found"


@pytest.mark.parametrize(
    ("severity", "outcome"),
    [("warning", "missing"), ("information", "missing"), ("error", "could-not-check"), ("fatal", "could-not-check")],
)
def test_an_empty_search_is_none_with_a_warning_and_unread_with_an_error(severity, outcome):
    body = tale("mcl-missing-three")
    issue = {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "processing"}]}
    body["prefetch"]["reports"] = {"resourceType": "Bundle", "total": 0, "entry": [{"resource": issue}]}
    (card,) = cards_told(body)
    found = {finding["criterion"]: finding["outcome"] for finding in card["extension"][KEY]["findings"]}
    assert found["marrow-biopsy"] == outcome


# ---- FHIR STU3


def stu3(body):
    for order in shapes.drafts(body):
        order["context"] = order.pop("encounter")
    return body


STU3 = {
    "told": lambda body: body | {"extension": {f"{shapes.PREFIX}fhir-version": "STU3"}},
    "told by number": lambda body: body | {"extension": {f"{shapes.PREFIX}fhir-version": "3.0.2"}},
    "shown by an element": stu3,
}


@pytest.mark.parametrize("change", STU3.values(), ids=STU3)
def test_a_call_in_stu3_gets_no_card_and_is_counted(change, caplog):
    caplog.set_level(logging.INFO)
    client = create_app(read_settings({"CDSHOOKS_MODE": "demo"}), shipped_library()).test_client()
    reply = client.post("/cds-services/cart-order-sign", json=change(tale("mcl-missing-three")))
    assert (reply.status_code, reply.json) == (200, {"cards": []})
    assert json.loads(JsonLines().format(caplog.records[-1]))["outcome"] == "stu3"


def test_a_procedure_request_within_r4_is_no_sign_of_stu3():
    body = shapes.services_of_stu3(tale("lbcl-yescarta-hcpcs"))
    assert "agent" in shapes.drafts(body)[0]["requester"]
    assert cards_told(body)


def test_what_the_extension_says_of_the_version_goes_before_the_shape():
    told = stu3(tale("mcl-missing-three")) | {"extension": {f"{shapes.PREFIX}fhir-version": "R4"}}
    assert cards_told(told)


# ---- what is missing, odd or unknown


@pytest.mark.parametrize("sent", ["missing", None, {"resourceType": "Bundle", "type": "collection", "entry": []}])
def test_a_call_without_orders_is_answered_without_cards(sent):
    body = shapes.as_vendor_sends(tale("mcl-missing-three"))
    if sent == "missing":
        del body["context"]["draftOrders"]
    else:
        body["context"]["draftOrders"] = sent
    assert cards_told(body) == []


def test_vendor_scopes_and_a_token_without_a_patient_are_no_contradiction():
    body = shapes.vendor_token(tale("mcl-missing-three"))
    assert "patient" not in body["fhirAuthorization"]
    assert cards_told(body)[0]["extension"][KEY]["findings"]


def test_the_site_s_criteria_id_is_kept_with_the_request():
    body = shapes.vendor_extension(tale("mcl-missing-three"))
    request = read_request(json.dumps(body).encode(), "cart-order-sign", "order-sign")
    assert request.extension[f"{shapes.PREFIX}criteria-id"] == "100001"
