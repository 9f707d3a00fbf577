"""What departs from CDS Hooks and FHIR R4 is told with its place, and never with its value."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdshooks.cli.fhir_models import all_departures
from cdshooks.engine.library import load_library
from cdshooks.hooks.conformance import departures
from cdshooks.hooks.discovery import services
from cdshooks.server.settings import default_fixtures, default_library

STORIES = sorted((default_fixtures() / "stories").iterdir())
OUTSIDE = Path(__file__).parent.parent / "fhir_fixtures" / "outside"
REQUEST = json.loads((default_fixtures() / "stories/mcl-missing-three/request.json").read_text("utf-8"))
SECRET = "Zebulon"

Edit = Callable[[dict[str, Any]], Any]


def request(edit: Edit) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(REQUEST))
    edit(copy)
    return copy


def told(message: Any) -> list[str]:
    return [str(departure) for departure in departures(message)]


@pytest.mark.parametrize("folder", STORIES, ids=lambda folder: folder.name)
def test_no_answer_of_ours_departs_from_the_standard_and_a_request_only_in_a_vendor_s_shapes(folder: Path) -> None:
    of_a_vendor = folder.name.startswith("epic-")
    for path in folder.glob("re*.json"):
        found = all_departures(json.loads(path.read_text("utf-8")))
        assert bool(found) is (of_a_vendor and path.name == "request.json"), found[:3]


def test_our_discovery_does_not_depart_from_the_standard() -> None:
    assert told(services(load_library(default_library()))) == []


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (lambda r: r.pop("hookInstance"), "hookInstance"),
        (lambda r: r.update(hookInstance=SECRET), "hookInstance"),
        (lambda r: r.update(fhirServer="http://ehr.example/r4"), "fhirServer"),
        (lambda r: (r.pop("fhirServer", None), r.update(fhirAuthorization={})), "fhirServer"),
        (lambda r: r.update(fhirAuthorization={"token_type": "bearer"}), "fhirAuthorization.token_type"),
        (lambda r: r.update(fhirAuthorization={"expires_in": "300"}), "fhirAuthorization.expires_in"),
        (lambda r: r["context"].pop("userId"), "context.userId"),
        (lambda r: r["context"].update(userId=SECRET), "context.userId"),
        (lambda r: r["context"].update(patientId=f"Patient/{SECRET}"), "context.patientId"),
        (lambda r: r["context"].update(patientId="x" * 65), "context.patientId"),
        (lambda r: r["context"].update(draftOrders=[]), "context.draftOrders"),
        (lambda r: r.update(hook="order-select"), "context.selections"),
        (lambda r: (r.update(hook="order-select"), r["context"].update(selections=[f"ServiceRequest/{SECRET}"])),
         "context.selections[0]"),
        (lambda r: r.update(hook="order-dispatch"), "context.performer"),
        (lambda r: r["prefetch"].update(mine=SECRET), "prefetch.mine"),
        (lambda r: r.update(prefetch=[]), "prefetch"),
    ],
)  # fmt: skip
def test_a_request_s_departure_is_told_with_its_place_alone(edit: Edit, place: str) -> None:
    found = told(request(edit))
    assert any(line.startswith(f"{place}: ") for line in found), found
    assert SECRET not in "".join(found)


def test_a_prefetch_key_may_be_null() -> None:
    assert told(request(lambda r: r["prefetch"].update(mine=None))) == []


CARD = {"summary": "s", "indicator": "info", "source": {"label": "l"}}


@pytest.mark.parametrize(
    ("card", "place"),
    [
        ({"summary": "s" * 140}, "cards[0].summary"),
        ({"indicator": "urgent"}, "cards[0].indicator"),
        ({"source": {"url": "https://x.example"}}, "cards[0].source.label"),
        ({"detail": ""}, "cards[0].detail"),
        ({"suggestions": []}, "cards[0].suggestions"),
        ({"suggestions": [{"label": "l"}]}, "cards[0].selectionBehavior"),
        ({"suggestions": [{"label": "l", "actions": [{"type": "create", "resource": {"a": 1}}]}]},
         "cards[0].suggestions[0].actions[0].description"),
        ({"suggestions": [{"label": "l", "actions": [{"type": "create", "description": "d"}]}]},
         "cards[0].suggestions[0].actions[0].resource"),
        ({"suggestions": [{"label": "l", "actions": [{"type": "delete", "description": "d"}]}]},
         "cards[0].suggestions[0].actions[0].resourceId"),
        ({"overrideReasons": [{"code": "c", "system": "s"}]}, "cards[0].overrideReasons[0].display"),
        ({"links": [{"label": "l", "url": "/relative", "type": "absolute"}]}, "cards[0].links[0].url"),
        ({"links": [{"label": "l", "url": "https://x.example", "type": "absolute", "appContext": "a"}]},
         "cards[0].links[0].appContext"),
    ],
)  # fmt: skip
def test_a_card_s_departure_is_told_with_its_place(card: dict[str, Any], place: str) -> None:
    found = told({"cards": [{**CARD, **card}]})
    assert any(line.startswith(f"{place}: ") for line in found), found


def test_a_sound_answer_has_no_departure() -> None:
    assert told({"cards": [CARD]}) == told({"cards": []}) == []


def test_a_template_with_a_path_into_the_orders_is_told() -> None:
    service = {"hook": "order-sign", "id": "i", "description": "d", "prefetch": {"p": "X/{{context.draftOrders.id}}"}}
    assert told({"services": [service]}) == [
        "services[0].prefetch.p: {{context.draftOrders.id}} is no root-level context field and no user token"
    ]


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"outcome": "accepted"}, "feedback[0].acceptedSuggestions"),
        ({"outcome": "ignored"}, "feedback[0].outcome"),
        ({"outcomeTimestamp": "yesterday"}, "feedback[0].outcomeTimestamp"),
    ],
)
def test_feedback_s_departure_is_told_with_its_place(item: dict[str, Any], place: str) -> None:
    sound = {"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-11-21T18:00:00Z"}
    assert told({"feedback": [sound]}) == []
    assert [line.split(": ")[0] for line in told({"feedback": [{**sound, **item}]})] == [place]


def test_what_is_no_message_is_told_so() -> None:
    assert "is FHIR, and no CDS Hooks message" in told({"resourceType": "Patient"})[0]
    assert "is no CDS Hooks message" in told([1])[0]


def test_the_official_example_that_breaks_fhir_is_told_where() -> None:
    found = [str(d) for d in all_departures(json.loads((OUTSIDE / "03-inferno-order-sign.request.json").read_text()))]
    assert [line.split(": ")[0] for line in found] == [
        "context.draftOrders.entry[0].resource.intent",
        "context.draftOrders.entry[1].resource.dosageInstruction[0].doseAndRate",
    ]


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "birthDate": SECRET},
        {"resourceType": "Patient", "name": SECRET},
        {"resourceType": "Observation", "status": SECRET, "valueQuantity": {"value": SECRET}, "code": {"text": "c"}},
        {"resourceType": "Nothing", "id": SECRET},
    ],
)
def test_a_resource_that_is_no_fhir_is_told_without_its_values(resource: dict[str, Any]) -> None:
    found = [str(d) for d in all_departures(request(lambda r: r["prefetch"].update(mine=resource)))]
    assert found and all(line.startswith("prefetch.mine.") for line in found)
    assert SECRET not in "".join(found)
