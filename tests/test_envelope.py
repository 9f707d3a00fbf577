"""A call is told apart in one pass, and what comes of it is what the plain reading gives, whatever stands in it."""

from __future__ import annotations

import json
import random
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cdshooks.engine.library import Library
from cdshooks.hooks import json_body, request
from cdshooks.hooks.envelope import members_of_call
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.request import Request, read_request
from cdshooks.hooks.service import answer

ROOT = Path(__file__).parents[1]

ORDER = {"resourceType": "MedicationRequest", "id": "o", "status": "draft", "medicationCodeableConcept": {"text": "x"}}
CALL = {
    "hook": "order-sign",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "fhirServer": "https://fhir.example/r4",
    "fhirAuthorization": {"access_token": "canary-token", "patient": "p1"},
    "context": {"patientId": "p1", "userId": "Practitioner/d", "draftOrders": {"entry": [{"resource": ORDER}]}},
    "prefetch": {"patient": {"resourceType": "Patient", "id": "p1", "name": [{"text": 'Ä "b" \\ {'}]}, "none": None},
    "extension": {"com.example.any": [1, 2.50, True]},
}
JUNK = [*map(str.encode, '"\\{}[],:\n'), b"1", b"null", b'"hook":', b'"a":1,', rb"\u0000", b"\xff"]
UNUSUAL = {
    "a member twice": b'{"hook": "order-sign", "hook": "order-sign", %s',
    "a member twice, the one the start of the other": b'{"fhirServer": 12, "fhirServer": 1, %s',
    "a member that the standard does not know": b'{"vendor": {"hook": "x"}, %s',
    "an escape in a name": rb'{"prefetch\u0065d": 1, %s',
    "a name in bytes beyond ASCII": '{"Größe": 1, %s'.encode(),
    "prefetch twice": b'{"prefetch": {"patient": 1}, %s',
    "nothing unusual but blanks": b" \t{ %s \n",
}


def call(**changes: Any) -> bytes:
    return json.dumps(CALL | changes, ensure_ascii=False).encode()


def mutated(body: bytes, seed: int) -> bytes:
    """The body with one to three things put in, taken out or said twice, at places that the seed gives."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(body))
        end = min(len(body), start + chance.choice((0, 1, 5, 40)))
        middle = chance.choice((b"", body[start:end] * 2, chance.choice(JUNK), chance.choice(JUNK) + body[start:end]))
        body = body[:start] + middle + body[end:]
    return body


def told(body: bytes) -> Any:
    """What the reading of a body comes to: every part of the request, or the refusal."""
    try:
        read = read_request(body, "s", "order-sign")
    except RequestError as refusal:
        return refusal.status, refusal.message, refusal.expression
    parts = {name: getattr(read, name) for name in Request.__slots__ if name not in ("hashed", "prefetch")}
    return parts, read.body_sha256, {key: bytes(value) for key, value in read.prefetch.items()}


def plainly(monkeypatch: pytest.MonkeyPatch, body: bytes) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(request, "members_of_call", lambda text: (json_body.members(text), None))
        return told(body)


def test_a_call_is_told_apart_with_its_prefetch() -> None:
    members, prefetch = members_of_call(call())
    assert json.loads(bytes(members["context"])) == CALL["context"]
    assert prefetch is not None
    assert {key: json.loads(bytes(value)) for key, value in prefetch.items()} == CALL["prefetch"]


@pytest.mark.parametrize("start", UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_call_is_read_as_it_would_be_plainly(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    body = start.replace(b"%s", call()[1:])
    assert told(body) == plainly(monkeypatch, body)


@pytest.mark.parametrize("prefetch", [None, {}, [], "x", 1, {"a": [], "b": {"a": {}}}])
def test_prefetch_of_any_kind_is_read_as_it_would_be_plainly(prefetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(call(prefetch=prefetch)) == plainly(monkeypatch, call(prefetch=prefetch))


@pytest.mark.parametrize("seed", range(0, 2000, 100))
def test_a_body_with_junk_in_it_is_read_as_it_would_be_plainly(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for body in (call(), call(fhirAuthorization=None)):
        for further in range(100):
            junk = mutated(body, seed + further)
            assert told(junk) == plainly(monkeypatch, junk), junk


@pytest.mark.parametrize(
    "story", ["mcl-missing-three", "two-orders", "prefetch-failed", "no-car-t", "epic-mcl-missing-three"]
)
def test_a_story_with_junk_in_it_is_answered_as_it_would_be_plainly(
    story: str, shipped: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = msgspec.json.encode(json.loads((ROOT / f"fhir_fixtures/stories/{story}/request.json").read_bytes()))
    for seed in range(8):
        junk = mutated(body, seed) if seed else body

        def answered(sent: bytes = junk) -> Any:
            try:
                return answer(read_request(sent, "cart-order-sign", "order-sign"), shipped, date(2026, 11, 21))
            except RequestError as refusal:
                return refusal.status, refusal.message, refusal.expression

        with monkeypatch.context() as patch:
            patch.setattr(request, "members_of_call", lambda text: (json_body.members(text), None))
            plain = answered()
        assert answered() == plain


def test_the_junk_is_of_both_kinds() -> None:
    refused = sum(told(mutated(call(), seed))[0] == 400 for seed in range(400))
    assert 100 < refused < 390


def test_a_body_with_an_access_token_is_not_kept_alive() -> None:
    body, further = call(), call(vendor=1)
    before = sys.getrefcount(body), sys.getrefcount(further)
    read = [read_request(sent, "s", "order-sign") for sent in (body, further)]
    assert (sys.getrefcount(body), sys.getrefcount(further)) == before
    assert [request.prefetch_value("patient")["id"] for request in read] == ["p1", "p1"]
