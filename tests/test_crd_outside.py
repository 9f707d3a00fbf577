"""Calls as other projects send them, asked as a client of Da Vinci CRD: their orders, and a CAR-T among theirs."""

import json
from pathlib import Path

import pytest
from tales import AS_OF, shipped_library, tale

from cdshooks.cli.fhir_models import all_departures
from cdshooks.hooks.coverage_rules import PARTS, URL, coverage_departures
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import ServiceOptions, answer

OUTSIDE = Path(__file__).parents[1] / "fhir_fixtures" / "outside"
NUMBERS = ["01", "02", "03", "07"]
TECARTUS = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "2387347"}]}


def theirs(number):
    (path,) = OUTSIDE.glob(f"{number}-*.request.json")
    return json.loads(path.read_text("utf-8"))


def ask(body, side="provider"):
    request = read_request(json.dumps(body).encode(), "cart-order-sign", "order-sign")
    return answer(request, shipped_library(), AS_OF, ServiceOptions(system_actions=True, side=side))


def departures_of(answered):
    """What in an answer, and in every resource in it, is not as CDS Hooks and FHIR R4 have it."""
    known = "findings"  # our own extension says so with an empty list: nothing could be decided
    return [departure for departure in all_departures(answered.body) if not departure.place.endswith(known)]


def with_car_t(number, body=None):
    """Their call with one more order, for a CAR-T, that names a coverage of theirs."""
    body = body or theirs(number)
    order = {
        "resourceType": "MedicationRequest",
        "id": "car-t",
        "status": "draft",
        "intent": "original-order",
        "medicationCodeableConcept": TECARTUS,
        "subject": {"reference": f"Patient/{body['context']['patientId']}"},
        "insurance": [{"reference": "Coverage/COV1"}],
    }
    body["context"]["draftOrders"]["entry"].append({"resource": order})
    return body, order


@pytest.mark.parametrize("number", NUMBERS)
def test_orders_that_are_no_car_t_are_out_of_scope_and_stay_as_they_are(number):
    assert ask(theirs(number)).body == {"cards": []}


def test_a_hook_that_is_not_ours_is_refused_with_its_place():
    with pytest.raises(RequestError) as refused:
        ask(theirs("08"))
    assert (refused.value.status, refused.value.expression) == (400, "hook")


@pytest.mark.parametrize("side", ["provider", "payer"])
@pytest.mark.parametrize("number", ["01", "02", "07"])
def test_a_car_t_among_their_orders_is_answered_and_theirs_are_left_alone(number, side):
    body, order = with_car_t(number)
    answered = ask(body, side)
    assert answered.failure is None and len(answered.body["cards"]) == 1
    (action,) = answered.body["systemActions"]
    (extension,) = action["resource"].pop("extension")
    assert action["resource"] == order and extension["url"] == URL
    assert [d for version in PARTS for d in coverage_departures(extension, version)] == []
    assert departures_of(answered) == []


def test_where_their_orders_are_another_patient_s_none_is_updated():
    """The orders of 03 are for somebody else than its context."""
    answered = ask(with_car_t("03")[0])
    (card,) = answered.body["cards"]
    assert card["summary"] == shipped_library().wording.say("summary.mismatch")
    assert "systemActions" not in answered.body and departures_of(answered) == []


@pytest.mark.parametrize("side", ["provider", "payer"])
@pytest.mark.parametrize("number", ["03", "08"])
def test_what_else_they_send_is_read_once_its_orders_are_the_patient_s_and_its_hook_is_ours(number, side):
    """03 without the order of somebody else; 08, of an older release, with an order under the hook that took over."""
    body = theirs(number) | {"hook": "order-sign"}
    body["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": []}
    body, order = with_car_t(number, body)
    answered = ask(body, side)
    (action,) = answered.body["systemActions"]
    (extension,) = action["resource"].pop("extension")
    assert answered.failure is None and action["resource"] == order
    assert [d for version in PARTS for d in coverage_departures(extension, version)] == []
    assert departures_of(answered) == []


def test_the_version_and_the_options_of_the_guide_s_own_example_are_obeyed():
    answered = ask(with_car_t("01")[0])
    (card,) = answered.body["cards"]
    assert card["source"]["topic"]["system"] == shipped_library().crd.card_type_systems["2.2"]
    assert answered.unusable == ()  # cost, claim and appropriate-use are not ours, max-cards is


def test_context_that_nobody_knows_is_ignored():
    plain, body = ask(tale("mcl-complete")), tale("mcl-complete")
    body["context"] |= {"somethingNew": {"deep": [1, None]}, "dispatchedOrders": "x", "performer": 7}
    (card,), (other,) = plain.body["cards"], ask(body).body["cards"]
    assert card["detail"] == other["detail"]
