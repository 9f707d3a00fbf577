"""Every bad request gets the answer that it is meant to get, in words that quote nothing of it."""

import json

import pytest
from bad_requests import BAD_CALLS, CALL, CANARY, DRAFTS, ORDER, URL, call, context, post
from tales import shipped_library, tale

from cdshooks.hooks import json_size
from cdshooks.server.app import create_app
from cdshooks.server.settings import read_settings


@pytest.fixture(scope="module")
def client():
    return create_app(read_settings({"CDSHOOKS_MODE": "demo"}), shipped_library()).test_client()


def test_there_are_enough_bad_requests():
    assert len(BAD_CALLS) > 250  # docs/threat-model.md says so


@pytest.mark.parametrize(("made", "status", "said"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_a_bad_request_is_refused_in_words(client, made, status, said):
    method, url, options = made
    reply = client.open(url, method=method, **options)
    assert reply.status_code == status, reply.text
    (issue,) = reply.get_json()["issue"]
    assert reply.get_json()["resourceType"] == "OperationOutcome"
    assert issue["severity"] == "error" and issue["code"]
    assert said in issue["details"]["text"]
    assert CANARY not in reply.text
    assert "Traceback" not in reply.text


def answers(client, body, url=URL):
    method, url, options = post(body, url)
    return client.open(url, method=method, **options)


GOOD = {
    "the call that the bad ones are made of": CALL,
    "50 orders and their medicines": context(
        draftOrders=DRAFTS
        | {
            "entry": [{"resource": ORDER | {"id": str(n)}} for n in range(50)]
            + [{"resource": {"resourceType": "Medication"}}] * 50
        }
    ),
    "20000 resources": call(prefetch={"o": {"entry": [{"resource": {"resourceType": "Observation"}}] * 19_998}}),
    "a scanned letter of 7 MiB": call(prefetch={"d": {"resourceType": "Binary", "data": "x" * (7 * 1024 * 1024)}}),
    "a note full of commas": call(prefetch={"d": {"resourceType": "Binary", "data": "," * 1_500_000}}),
    "prefetch is null": call(prefetch=None),
    "draftOrders is null": context(draftOrders=None),
    "members that nobody knows": call(unknown=[1, {"a": None}], extension={"x": 1}),
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_what_is_just_within_the_limits_is_answered(client, body):
    reply = answers(client, body)
    assert (reply.status_code, reply.json) == (200, {"cards": []})


PARTLY = {
    "a key twice": b'{"resourceType": "Bundle", "a": 1, "a": 2}',
    "a number beyond a double": b'{"resourceType": "Bundle", "total": 1e999}',
    "a whole number of 400 digits": b'{"resourceType": "Bundle", "total": ' + b"9" * 400 + b"}",
    "U+0000": rb'{"resourceType": "Bundle", "id": "\u0000"}',
    "65 levels": b'{"a": ' + b"[" * 65 + b"]" * 65 + b"}",
    "not a resource": b"[1]",
}


@pytest.mark.parametrize("text", PARTLY.values(), ids=PARTLY)
def test_one_prefetch_answer_that_cannot_be_used_spoils_only_what_rests_on_it(client, text):
    body = tale("mcl-complete")
    body["prefetch"]["observations"] = "HERE"
    reply = answers(client, json.dumps(body).encode().replace(b'"HERE"', text))
    (card,) = reply.get_json()["cards"]
    found = {f["criterion"]: f["outcome"] for f in card["extension"]["org.cdshooks.determination"]["findings"]}
    assert found["hiv"] == "could-not-check" and found["marrow-biopsy"] == "met"


@pytest.mark.parametrize(
    ("text", "long"),
    [
        (b"x" * (json_size.MAX_STRING_BYTES + 1), True),
        (b"x" * json_size.MAX_STRING_BYTES, False),
        (b'"' + b"x" * json_size.MAX_STRING_BYTES + b'"', False),
        (b'["' + b"x" * (json_size.MAX_STRING_BYTES + 1) + b'"]', True),
        (b'"a",' * 500_000 + b'"' + b"x" * (json_size.MAX_STRING_BYTES + 1) + b'"', True),
        ((b'"' + b"x" * (json_size.MAX_STRING_BYTES - 10) + b'",') * 2, False),
    ],
)
def test_a_long_string_is_found_wherever_it_stands(text, long):
    assert json_size._has_long_string(text) is long
