"""The public CDS Hooks sandbox, replayed: the very shapes that it sends, invalid R4 and all (docs/sandbox.md)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cdshooks.engine.library import Library
from cdshooks.hooks.discovery import HOOKS
from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings

ROOT = Path(__file__).parents[1]
ORIGIN = "https://sandbox.cds-hooks.org"
HEADERS = {
    "Origin": ORIGIN,
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Authorization": "Bearer eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJzYW5kYm94In0.c2ln",
}
TECARTUS = {
    "text": "Tecartus",
    "coding": [{"code": "2387347", "display": "Tecartus", "system": "http://www.nlm.nih.gov/research/umls/rxnorm"}],
}
PILL = {
    "text": "Aspirin 81 MG Oral Tablet",
    "coding": [
        {
            "code": "243670",
            "display": "Aspirin 81 MG Oral Tablet",
            "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
        }
    ],
}
PATIENT = {"resourceType": "Patient", "id": "smart-1", "birthDate": "1961-05-17", "gender": "male"}


@pytest.fixture(scope="module")
def client(shipped: Library) -> FlaskClient:
    return create_app(read_settings({"CDSHOOKS_MODE": "demo"}), shipped).test_client()


def call(hook: str, order: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A call as the sandbox builds it: no encounter, a Bundle without a type, one entry without a fullUrl."""
    context: dict[str, Any] = {"patientId": "smart-1", "userId": "Practitioner/COREPRACTITIONER1"}
    if order:
        context["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": order}]}
    if hook == "order-select" and order:
        context["selections"] = [f"{order['resourceType']}/request-123"]
    return {
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "hook": hook,
        "fhirServer": "https://r4.example.org/fhir",
        "context": context,
        **more,
    }


def ordered(concept: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """The draft of Rx Sign: `category` is an object, there is no requester and no insurance."""
    order: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "status": "draft",
        "category": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category"}]},
        "subject": {"reference": "Patient/smart-1"},
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "{pill}"}}],
            }
        ],
        **more,
    }
    return order | ({"intent": "order", "medicationCodeableConcept": concept} if concept else {})


def answered(client: FlaskClient, hook: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    reply = client.post(f"/cds-services/cart-{hook}", json=body, headers=HEADERS)
    assert reply.status_code == 200, reply.text
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    cards: list[dict[str, Any]] = reply.get_json()["cards"]
    return cards


def test_discovery_is_preflighted_and_read_with_a_token_that_nobody_asked_for(client: FlaskClient) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    reply = client.options("/cds-services", headers=asked)
    assert reply.status_code == 204 and reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "authorization" in reply.headers["Access-Control-Allow-Headers"]
    found = client.get("/cds-services", headers=HEADERS).get_json()["services"]
    ids = [service["id"] for service in found]
    assert sorted(ids) == sorted(set(HOOKS)), "the sandbox keeps the last of two services with one id"


def test_its_prefetch_can_be_filled(client: FlaskClient) -> None:
    """The sandbox fills context.<primitive> and user tokens, and merges parameters of one name into an OR."""
    for service in client.get("/cds-services").get_json()["services"]:
        if service["hook"] == "order-dispatch":
            continue
        for query in service["prefetch"].values():
            assert set(re.findall(r"{{(.*?)}}", query)) <= {"context.patientId", "userPractitionerId"}
            names = re.findall(r"[?&]([^=&]+)=", query)
            assert len(names) == len(set(names)), query


def test_patient_view_with_and_without_prefetch(client: FlaskClient) -> None:
    assert answered(client, "patient-view", call("patient-view")) == []
    assert answered(client, "patient-view", call("patient-view", prefetch={"patient": PATIENT})) == []


@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
def test_a_pill_gets_no_card(client: FlaskClient, hook: str) -> None:
    assert answered(client, hook, call(hook, ordered(PILL))) == []
    assert answered(client, hook, call(hook, ordered(None))) == []


@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
def test_a_car_t_in_its_invalid_order_gets_a_card_that_it_can_show(client: FlaskClient, hook: str) -> None:
    order = ordered(TECARTUS, reasonCode={"coding": [{"code": "C83.1"}]})
    (card,) = answered(client, hook, call(hook, order, prefetch={"patient": PATIENT}))
    assert card["summary"].startswith("Tecartus") and card["detail"]
    assert card["uuid"] and card["source"]["label"]
    assert all(reason["display"] for reason in card["overrideReasons"])


def test_a_card_comes_without_prefetch_and_with_a_token_of_a_smart_launch(client: FlaskClient) -> None:
    token = {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.* user/*.*",
        "subject": "cds-service",
    }
    body = call("order-sign", ordered(TECARTUS), fhirAuthorization=token)
    (card,) = answered(client, "order-sign", body)
    assert card["summary"].startswith("Tecartus")


def test_an_order_of_its_dstu2_server_gets_no_card_and_no_error(client: FlaskClient) -> None:
    order = ordered(TECARTUS) | {"resourceType": "MedicationOrder"}
    assert answered(client, "order-sign", call("order-sign", order)) == []


def test_its_feedback_is_taken(client: FlaskClient) -> None:
    (card,) = answered(client, "order-sign", call("order-sign", ordered(TECARTUS), prefetch={"patient": PATIENT}))
    at = {"card": card["uuid"], "outcomeTimestamp": "2026-11-21T09:30:00Z"}
    reason = {name: card["overrideReasons"][0][name] for name in ("code", "system")}
    accepted = {**at, "outcome": "accepted", "acceptedSuggestions": [{"id": "0c7ff8f1-4f4f-4b0a-8d70-1c7b2d5f7a11"}]}
    for entry in (accepted, {**at, "outcome": "overridden", "overrideReason": {"reason": reason}}):
        url = "/cds-services/cart-order-sign/feedback"
        reply = client.post(url, json={"feedback": [entry]}, headers=HEADERS)
        assert (reply.status_code, reply.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)


def test_a_refusal_can_be_read_in_the_browser(client: FlaskClient) -> None:
    reply = client.post("/cds-services/cart-order-sign", data="{", headers=HEADERS)
    assert (reply.status_code, reply.headers["Access-Control-Allow-Origin"]) == (400, ORIGIN)


FAKE_BROWSER = """
const sent = [];
globalThis.fetch = async (url) => ({ json: async () => ({ asked: url, hookInstance: "story's", context: {} }) });
globalThis.XMLHttpRequest = class { open(method, url) { this.url = url } send(body) { sent.push([this.url, body]) } };
%s
for (const end of ["/cds-services/cart-order-sign", "/cds-services/cart-order-sign/feedback", "/cds-services"]) {
  const call = new XMLHttpRequest();
  call.open("POST", service + end);
  call.send(end === "/cds-services" ? undefined : JSON.stringify({ hookInstance: "own", end }));
}
console.log(JSON.stringify(sent));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed: the lines for the browser are not run")
def test_the_lines_for_the_console_put_a_story_into_the_call(tmp_path: Path) -> None:
    text = (ROOT / "docs/sandbox.md").read_text("utf-8")
    (lines,) = re.findall(r"```js\n(.*?)```", text, re.DOTALL)
    script = tmp_path / "console.mjs"
    script.write_text(FAKE_BROWSER % lines, "utf-8")
    ran = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=60, check=True)
    (_, signed), (_, feedback), (_, discovery) = json.loads(ran.stdout)
    story = "http://127.0.0.1:8000/demo/stories/mcl-missing-three"
    assert json.loads(signed) == {"asked": story, "hookInstance": "own", "context": {}}
    assert json.loads(feedback)["hookInstance"] == "own" and discovery is None
