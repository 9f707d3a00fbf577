"""The other hooks, call by call: order-select, order-dispatch and patient-view over the stories' charts."""

import copy
import json
from datetime import date
from pathlib import Path

import pytest

from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.request import read_request
from cdshooks.hooks.service import answer

STORIES = Path(__file__).parents[1] / "fhir_fixtures" / "stories"
AS_OF = date(2026, 11, 21)
KEY = "org.cdshooks.determination"


def body_of(story):
    return json.loads((STORIES / story / "request.json").read_text("utf-8"))


@pytest.fixture
def cards(shipped):
    def asked(body, as_of=AS_OF):
        service = service_of(body["hook"])
        answered = answer(read_request(json.dumps(body).encode(), service, HOOKS[service]), shipped, as_of)
        assert answered.failure is None
        return answered.body["cards"]

    return asked


def found(card):
    return {item["criterion"]: item["outcome"] for item in card["extension"][KEY]["findings"]}


# ---- order-select


@pytest.mark.parametrize(
    ("selections", "orders"),
    [
        (["MedicationRequest/mcl-21-tecartus"], ["tecartus"]),
        (["MedicationRequest/mcl-21-breyanzi"], ["breyanzi"]),
        (["MedicationRequest/mcl-21-breyanzi", "MedicationRequest/mcl-21-tecartus"], ["breyanzi", "tecartus"]),
        (["MedicationRequest/other"], []),
        ([], []),
    ],
)
def test_only_selected_orders_are_commented_on(cards, selections, orders):
    body = body_of("select-one-of-two")
    body["context"]["selections"] = selections
    assert sorted(card["extension"][KEY]["product"] for card in cards(body)) == orders


def test_an_order_without_details_is_checked_all_the_same(cards):
    body = body_of("select-one-of-two")
    order = body["context"]["draftOrders"]["entry"][0]["resource"]
    kept = ("resourceType", "id", "status", "medicationCodeableConcept", "subject")
    body["context"]["draftOrders"]["entry"][0]["resource"] = {key: order[key] for key in kept}
    (card,) = cards(body)
    assert found(card)["center"] == "attest"


def test_orders_that_are_not_selected_are_still_part_of_the_session(cards):
    body = body_of("rescue-transplant-planned") | {"hook": "order-select"}
    body["context"]["selections"] = ["MedicationRequest/mcl-4-tecartus"]
    (card,) = cards(body)
    assert found(card)["rescue-transplant"] == "not-met"


# ---- order-dispatch


def dispatched(**context):
    body = body_of("dispatch-unlisted-centre")
    body["context"] |= context
    return body


def test_the_chosen_performer_is_looked_up_and_not_the_one_on_the_order(cards):
    (card,) = cards(dispatched())
    assert (found(card)["center"], found(card)["center-proof"]) == ("attest", "missing")
    assert "Unlisted Example Hospital" in card["detail"]


def test_a_chosen_performer_on_the_roster_meets_the_criterion(cards):
    body = dispatched(performer="Organization/center")
    listed = copy.deepcopy(body["prefetch"]["performer"])
    listed |= {"id": "center", "name": "Example Cancer Center (SYNTHETIC)"}
    listed["identifier"][0]["value"] = "1234567893"
    body["prefetch"]["performer"] = listed
    (card,) = cards(body)
    assert found(card)["center"] == "met"


def test_a_performer_that_was_not_sent_could_not_be_checked_and_is_named_by_its_reference(cards):
    body = dispatched()
    del body["prefetch"]["performer"]
    (card,) = cards(body)
    assert "names Organization/unlisted-center as its center, which was not sent" in card["detail"]
    assert "not verified" not in card["detail"]


def test_a_performer_that_was_not_sent_is_named_as_its_task_names_it(cards):
    body = dispatched()
    del body["prefetch"]["performer"]
    body["context"]["fulfillmentTasks"][0]["owner"]["display"] = "Hospital of the task"
    (card,) = cards(body)
    assert "Hospital of the task: not verified" in card["detail"]


def test_the_older_spellings_give_the_same_findings(cards):
    body = dispatched()
    context = body["context"]
    older = {"patientId": context["patientId"], "performer": context["performer"]}
    older |= {"order": context["dispatchedOrders"][0], "task": context["fulfillmentTasks"][0]}
    (new,), (old,) = cards(body), cards(body | {"context": older})
    assert found(new) == found(old)


def test_an_order_that_was_not_sent_is_told_when_its_task_says_car_t(cards):
    body = dispatched()
    del body["prefetch"]["orders"]
    (card,) = cards(body)
    assert "not sent" in card["summary"]
    assert card["extension"][KEY]["outcome"] == "could-not-check"
    assert card["extension"][KEY]["findings"] == []
    assert card["extension"][KEY]["order"] == "MedicationRequest/mcl-20-tecartus"


@pytest.mark.parametrize(
    "tasks", [[], [{"resourceType": "Task", "focus": {"reference": "MedicationRequest/mcl-20-tecartus"}}]]
)
def test_an_order_that_was_not_sent_and_that_nothing_names_gets_no_card(cards, tasks):
    body = dispatched(fulfillmentTasks=tasks)
    del body["prefetch"]["orders"]
    assert cards(body) == []


def test_an_order_of_another_patient_stops_everything(cards):
    body = dispatched()
    body["prefetch"]["orders"]["entry"][0]["resource"]["subject"] = {"reference": "Patient/someone-else"}
    (card,) = cards(body)
    assert "could not be matched to one patient" in card["summary"]


def test_orders_in_the_chart_that_are_not_dispatched_get_no_card(cards):
    assert cards(dispatched(dispatchedOrders=["MedicationRequest/mcl-20-rituximab"])) == []


# ---- patient-view


def viewed(story="denied-wnc", **changes):
    body = body_of(story)
    body["prefetch"]["claimResponses"]["entry"][0]["resource"] |= changes
    return body


def test_a_denial_has_its_appeal_clock(cards):
    (card,) = cards(viewed())
    assert card["summary"] == "Tecartus · WellCare NC: not certified on 2026-11-02 – plan appeal by 2027-01-01"
    assert card["indicator"] == "warning"
    assert card["extension"][KEY]["findings"] == []


def test_an_empty_chart_has_no_card(cards):
    body = viewed()
    body["prefetch"] = {}
    assert cards(body) == []


def test_a_denial_of_another_patient_is_never_shown(cards):
    assert cards(viewed(patient={"reference": "Patient/someone-else"})) == []


def test_a_denial_that_names_nobody_is_not_shown(cards):
    assert cards(viewed(patient={"display": "Robin"})) == []


def test_a_chart_that_is_not_the_patient_s_shows_nothing(cards):
    body = viewed()
    body["fhirAuthorization"] = {"patient": "someone-else"}
    assert cards(body) == []


def test_draft_orders_sent_with_patient_view_get_the_cards_of_order_sign(cards):
    signed = body_of("mcl-missing-three")
    (card,), (same,) = cards(signed | {"hook": "patient-view"}), cards(signed)
    assert (card["summary"], card["detail"], found(card)) == (same["summary"], same["detail"], found(same))


def test_an_authorized_draft_order_is_quiet_in_patient_view_and_one_line_elsewhere(cards):
    body = body_of("authorization-on-file")
    assert cards(body | {"hook": "patient-view"}) == []
    (card,) = cards(body)
    assert card["indicator"] == "info"
    assert card["summary"] == "Tecartus: the plan's authorization SYN-AUTH-0001 is on file for 2026-12-01"
    assert "suggestions" not in card


def test_a_failure_in_patient_view_without_orders_is_no_card_but_is_told(shipped, monkeypatch):
    monkeypatch.setattr("cdshooks.hooks.service.Gathering.complete", lambda *_: 1 / 0)
    body = json.dumps(viewed()).encode()
    answered = answer(read_request(body, "cart-patient-view", "patient-view"), shipped, AS_OF)
    assert answered.body == {"cards": []}
    assert answered.failure
