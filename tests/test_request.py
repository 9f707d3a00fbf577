"""Reading an order-sign call: what is required of it, and what is forgiven."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.request import Request, read_request

ORDER = {"resourceType": "MedicationRequest", "id": "order-1", "status": "draft"}


def call(**changes: Any) -> dict[str, Any]:
    return {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"patientId": "p1", "userId": "Practitioner/d1", "draftOrders": bundle({"resource": ORDER})},
        **changes,
    }


def bundle(*entries: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": list(entries)}


def with_context(**changes: Any) -> dict[str, Any]:
    sent = call()
    sent["context"] = {**sent["context"], **changes}
    return sent


def without(sent: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in sent.items() if key != name}


def read(sent: object) -> Request:
    return read_request(json.dumps(sent).encode(), "cart-order-sign", "order-sign")


def test_a_call_is_read() -> None:
    request = read(
        with_context(encounterId="e1")
        | {
            "fhirServer": "https://fhir.example/r4",
            "fhirAuthorization": {"access_token": "canary-token", "token_type": "Bearer", "patient": "p1"},
            "extension": {"com.example.any": {"x": [1]}},
        }
    )
    assert (request.service_id, request.hook) == ("cart-order-sign", "order-sign")
    assert request.hook_instance == "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
    assert request.fhir_server == "https://fhir.example/r4"
    assert (request.patient_id, request.encounter_id, request.user_id) == ("p1", "e1", "Practitioner/d1")
    assert [(entry.full_url, entry.resource) for entry in request.draft_orders] == [(None, ORDER)]
    assert request.authorization_patient == "p1"
    assert request.extension == {"com.example.any": {"x": [1]}}


REFUSED = {
    "not an object": ([], None),
    "hook missing": (without(call(), "hook"), "hook"),
    "hook null": (call(hook=None), "hook"),
    "hook of another kind": (call(hook=["order-sign"]), "hook"),
    "another hook": (call(hook="patient-view"), "hook"),
    "hookInstance missing": (without(call(), "hookInstance"), "hookInstance"),
    "hookInstance a number": (call(hookInstance=7), "hookInstance"),
    "hookInstance blank": (call(hookInstance=" "), "hookInstance"),
    "context missing": (without(call(), "context"), "context"),
    "context null": (call(context=None), "context"),
    "context a list": (call(context=[]), "context"),
    "patientId missing": (call(context={}), "context.patientId"),
    "patientId a number": (with_context(patientId=1), "context.patientId"),
    "patientId blank": (with_context(patientId="  "), "context.patientId"),
    "patientId only a type": (with_context(patientId="Patient/"), "context.patientId"),
    "draftOrders a list": (with_context(draftOrders=[ORDER]), "context.draftOrders"),
    "draftOrders text": (with_context(draftOrders="x"), "context.draftOrders"),
    "entry an object": (with_context(draftOrders={"entry": {"resource": ORDER}}), "context.draftOrders.entry"),
    "prefetch a list": (call(prefetch=[]), "prefetch"),
    "prefetch text": (call(prefetch="x"), "prefetch"),
}


@pytest.mark.parametrize(("sent", "where"), REFUSED.values(), ids=REFUSED)
def test_an_unusable_call_is_refused_with_its_place(sent: object, where: str | None) -> None:
    with pytest.raises(RequestError) as refusal:
        read(sent)
    assert (refusal.value.status, refusal.value.expression) == (400, where)


@pytest.mark.parametrize(
    "orders",
    [None, {}, {"entry": None}, {"entry": []}, bundle(None, 1, [], {}, {"resource": None}, {"resource": [ORDER]})],
)
def test_orders_that_were_stripped_or_emptied_are_no_orders(orders: object) -> None:
    assert read(with_context(draftOrders=orders)).draft_orders == ()


def test_draft_orders_that_were_not_sent_are_no_orders() -> None:
    assert read(call(context={"patientId": "p1"})).draft_orders == ()


def test_a_bundle_needs_no_type_and_an_entry_keeps_its_full_url() -> None:
    request = read(with_context(draftOrders={"entry": [{"fullUrl": "urn:uuid:1", "resource": ORDER}, {"x": 1}]}))
    assert [entry.full_url for entry in request.draft_orders] == ["urn:uuid:1"]


def test_a_patient_written_as_a_reference_is_the_same_patient() -> None:
    request = read(with_context(patientId="Patient/p1", encounterId="Encounter/e1"))
    assert (request.patient_id, request.encounter_id) == ("p1", "e1")


@pytest.mark.parametrize("changes", [{"fhirServer": None}, {"fhirServer": 3}, {"fhirServer": " "}, {}])
def test_a_fhir_server_that_is_not_text_is_no_fhir_server(changes: dict[str, Any]) -> None:
    assert read(call(**changes)).fhir_server is None


@pytest.mark.parametrize("authorization", [None, [], "x", {}, {"patient": None}, {"patient": 3}, {"scope": "a b [c]"}])
def test_an_authorization_without_a_patient_names_none(authorization: object) -> None:
    assert read(call(fhirAuthorization=authorization)).authorization_patient is None


@pytest.mark.parametrize("extension", [None, [], "23", {"com.example.trigger": "23"}])
def test_no_extension_is_ever_an_error(extension: object) -> None:
    assert isinstance(read(call(extension=extension, other={"x": 1})).extension, dict)


def test_an_id_longer_than_fhir_allows_is_kept_whole() -> None:
    long = "e." + "A-b_" * 60
    assert read(with_context(patientId=long)).patient_id == long


def test_prefetch_is_decoded_key_by_key() -> None:
    request = read(call(prefetch={"patient": {"resourceType": "Patient"}, "nothing": None}))
    assert request.prefetch_value("patient") == {"resourceType": "Patient"}
    assert request.prefetch_value("patient") is request.prefetch_value("patient")
    assert request.prefetch_value("nothing") is None
    with pytest.raises(KeyError):
        request.prefetch_value("not-sent")


@pytest.mark.parametrize("changes", [{}, {"prefetch": None}, {"prefetch": {}}])
def test_a_call_may_come_without_prefetch(changes: dict[str, Any]) -> None:
    assert read(call(**changes)).prefetch == {}


def test_a_prefetch_value_that_cannot_be_used_is_refused_when_it_is_read() -> None:
    body = json.dumps(call())[:-1].encode() + b', "prefetch": {"a": {"x": 1, "x": 2}, "b": 1}}'
    request = read_request(body, "cart-order-sign", "order-sign")
    assert request.prefetch_value("b") == 1
    with pytest.raises(RequestError, match="prefetch has an object with the same key twice"):
        request.prefetch_value("a")


def test_an_access_token_is_not_kept() -> None:
    request = read(call(fhirAuthorization={"access_token": "canary-token"}, prefetch={"a": {"x": 1}}))
    kept = [getattr(request, name) for name in Request.__slots__]
    assert "canary-token" not in repr(kept)
    assert all(b"canary-token" not in bytes(raw) for raw in request.prefetch.values())


def test_a_request_does_not_print_its_chart() -> None:
    request = read(with_context(patientId="canary-patient"))
    assert "canary" not in repr(request) + repr(request.draft_orders)


def test_the_hash_is_that_of_the_body_as_sent() -> None:
    body = json.dumps(call()).encode()
    for sent in (body, b"\xef\xbb\xbf" + body, body.replace(b"{", b'{"fhirAuthorization": {}, ', 1)):
        assert read_request(sent, "s", "order-sign").body_sha256 == hashlib.sha256(sent).hexdigest()


def test_bad_json_in_a_part_is_refused_with_its_place() -> None:
    with pytest.raises(RequestError) as refusal:
        read_request(b'{"hook": "order-sign", "hookInstance": "h", "context": {"a": 1, "a": 2}}', "s", "order-sign")
    assert refusal.value.expression == "context"
