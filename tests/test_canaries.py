"""No identifier of a patient leaves by a side door.

More than forty marked identifiers are planted in every place where a call and its chart can hold one. The call is
then made whole, cut, broken and against code that fails; logs, error bodies, output, metrics and files are searched.
"""

import base64
import json
import logging
import re
import tempfile

import pytest
from tales import shipped_library, tale
from terminal import run

from cdshooks.hooks import policy_card
from cdshooks.server.app import create_app
from cdshooks.server.call_log import JsonLines
from cdshooks.server.settings import read_settings

URL = "/cds-services/cart-order-sign"
MARK = "zqcanary"
BORN, SSN, PHONE = "1931-07-13", "999-88-7701", "919-555-0142"


class Planter:
    """Makes marked identifiers and remembers them."""

    def __init__(self):
        self.planted = [BORN, SSN, PHONE]

    def __call__(self, place):
        canary = f"{MARK}-{place}"
        self.planted.append(canary)
        return canary

    def encoded(self, place):
        text = base64.b64encode(self(place).encode()).decode()
        self.planted.append(text)
        return text


def plant_person(body, plant):
    person = body["prefetch"]["patient"]
    person |= {
        "identifier": [{"system": plant("system"), "value": plant("mrn")}, {"value": SSN}],
        "name": [{"family": plant("family"), "given": [plant("given")], "text": plant("name")}],
        "telecom": [{"system": "phone", "value": PHONE}, {"system": "email", "value": plant("email")}],
        "address": [{"line": [plant("street")], "city": plant("city"), "postalCode": plant("postcode")}],
        "birthDate": BORN,
        "photo": [{"url": plant("photo"), "data": plant.encoded("picture")}],
        "contact": [{"name": {"text": plant("mother")}}],
        "generalPractitioner": [{"display": plant("practitioner")}],
        "text": {"status": "generated", "div": f"<div>{plant('narrative')}</div>"},
        "extension": [{"url": plant("extension-url"), "valueString": plant("extension")}],
    }


def plant_records(body, plant):
    for key in ("conditions", "observations", "reports", "documents", "medications", "coverage"):
        for number, entry in enumerate(body["prefetch"][key]["entry"]):
            record = entry["resource"]
            record |= {
                "note": [{"text": plant(f"{key}-note-{number}"), "authorString": plant(f"{key}-author-{number}")}],
                "text": {"status": "generated", "div": plant(f"{key}-narrative-{number}")},
                "conclusion": plant(f"{key}-conclusion-{number}"),
                "subscriberId": plant(f"{key}-member-{number}"),
                "id": plant(f"{key}-id-{number}"),
                "performer": [{"display": plant(f"{key}-performer-{number}")}],
            }
            for coded in (record.get("code"), record.get("type")):
                if isinstance(coded, dict):
                    coded["text"] = plant(f"{key}-text-{number}")
            for content in record.get("content", []):
                content["attachment"] |= {"title": plant(f"file-{number}"), "data": plant.encoded(f"data-{number}")}


def plant_call(body, plant):
    order = body["context"]["draftOrders"]["entry"][0]
    order["fullUrl"] = plant("full-url")
    order["resource"] |= {
        "id": plant("order"),
        "note": [{"text": plant("order-note")}],
        "requester": {"display": plant("requester")},
        "dosageInstruction": [{"text": plant("dosage")}],
    }
    body["context"] |= {"userId": plant("user"), "encounterId": plant("encounter")}
    body["fhirServer"] = f"https://{plant('server')}.example/r4"
    body["fhirAuthorization"] = {"access_token": plant("token"), "scope": plant("scope"), "subject": plant("client")}
    body["extension"] = {plant("extension-key"): plant("extension-value")}
    body["hookInstance"] = plant("instance")
    body["prefetch"][plant("prefetch-key")] = {"resourceType": plant("kind"), "id": plant("odd-id")}
    body[plant("member")] = plant("member-value")
    # The patient's own id is in every reference to her, so it is one more identifier.
    who = body["context"]["patientId"]
    return json.loads(
        json.dumps(body).replace(f'"{who}"', f'"{plant("patient")}"').replace(f"/{who}", f"/{plant('patient')}")
    )


@pytest.fixture(scope="module")
def planted():
    """(body, identifiers)."""
    body, plant = tale("mcl-missing-three"), Planter()
    plant_person(body, plant)
    plant_records(body, plant)
    return plant_call(body, plant), list(dict.fromkeys(plant.planted))


def broken(body):
    """Bodies that cannot be used, each still full of identifiers."""
    whole = json.dumps(body)
    raw = whole.encode()
    yield from (raw[: len(raw) * part // 40] for part in range(1, 40))
    yield from (raw + b" x", raw.replace(b":", b" ", 1), raw[:400] + b"\xff" + raw[400:], b"[" * 100 + raw)
    yield whole.encode("utf-16")
    yield whole[:-1].encode() + b", " + raw[1:]  # every key twice
    for name in body:
        yield json.dumps({key: value for key, value in body.items() if key != name}).encode()
        for odd in (f"{MARK}-odd", [f"{MARK}-odd"], {f"{MARK}-odd": 1}, None):
            yield json.dumps(body | {name: odd}).encode()
    for name in ("patientId", "userId", "draftOrders"):
        for odd in ([f"{MARK}-odd"], {"entry": f"{MARK}-odd"}, {"entry": [f"{MARK}-odd"]}, f"{MARK}-odd"):
            yield json.dumps(body | {"context": body["context"] | {name: odd}}).encode()
    for key in body["prefetch"]:
        for odd in (f"{MARK}-odd", {"resourceType": f"{MARK}-odd"}, {"resourceType": "Bundle", "entry": f"{MARK}-odd"}):
            yield json.dumps(body | {"prefetch": body["prefetch"] | {key: odd}}).encode()


HEADERS = {
    "Authorization": f"Bearer {MARK}-header.{MARK}-payload.{MARK}-signature",
    "X-Request-ID": f"{MARK}-request",
    "User-Agent": f"{MARK}-agent",
    "Referer": f"https://{MARK}.example",
    "Cookie": f"session={MARK}-cookie",
    "X-Forwarded-For": f"{MARK}-address",
}
FEEDBACK = {
    "card": f"{MARK}-card",
    "outcome": "overridden",
    "overrideReason": {"userComment": f"{MARK}-comment", "reason": {"code": f"{MARK}-code"}},
    "outcomeTimestamp": "2026-11-21T09:00:00Z",
}


STORE = "store.db"
"""What is recorded is kept here on purpose; a test of its own says what may be in it."""


@pytest.fixture
def searched(tmp_path, monkeypatch, capfd):
    """Everything that is written while a test runs; call it to have it searched."""
    log = tmp_path / "log"
    handlers = [logging.FileHandler(log), logging.FileHandler(tmp_path / "plain-log")]
    handlers[0].setFormatter(JsonLines())
    loggers = [logging.getLogger(name) for name in ("", "cdshooks")]
    levels = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        for handler in handlers:
            logger.addHandler(handler)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = []

    def search(identifiers):
        printed = capfd.readouterr()
        paths = [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith(STORE)]
        files = [path.read_text("utf-8", "replace") for path in paths]
        texts = [*seen, printed.out, printed.err, *files]
        assert sum(map(len, texts)), "there must be something to search"
        found = {identifier for identifier in (MARK, *identifiers) for text in texts if identifier in text}
        assert not found

    search.add = seen.append
    yield search
    for logger, level in levels:
        logger.setLevel(level)
        for handler in handlers:
            logger.removeHandler(handler)
    for handler in handlers:
        handler.close()


@pytest.fixture
def client(tmp_path):
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{tmp_path}/{STORE}"})
    return create_app(settings, shipped_library()).test_client()


def post(client, data, search, url=URL, **more):
    reply = client.post(f"{url}?name={MARK}-query", data=data, headers=HEADERS, **more)
    if reply.status_code >= 400:
        search.add(reply.text)
    search.add(json.dumps(list(reply.headers.items())))
    return reply


def test_more_than_forty_identifiers_are_planted_and_reach_the_answer(planted, client):
    body, identifiers = planted
    assert len(identifiers) >= 40
    reply = client.post(URL, json=body)
    assert reply.status_code == 200
    assert MARK in reply.text, "the chart was read"


def test_no_identifier_leaves_by_a_side_door(planted, client, searched):
    body, identifiers = planted
    told = post(client, json.dumps(body), searched, content_type="application/json")
    assert told.status_code == 200 and told.json["cards"]
    statuses = {post(client, data, searched, content_type="application/json").status_code for data in broken(body)}
    assert statuses == {200, 400}
    post(client, json.dumps(body), searched, content_type=f"text/{MARK}")
    post(client, json.dumps(body), searched, url=f"/cds-services/{MARK}", content_type="application/json")
    post(client, json.dumps(body), searched, url=f"/{MARK}", content_type="application/json")
    client.open(f"/{MARK}", method=MARK.upper(), headers=HEADERS)
    for feedback in ([FEEDBACK], [FEEDBACK | {"outcome": f"{MARK}-outcome"}], f"{MARK}-feedback"):
        data = json.dumps({"feedback": feedback})
        post(client, data, searched, url=f"{URL}/feedback", content_type="application/json")
    searched.add(client.get("/metrics").text + client.get("/health/ready").text + client.get("/").text)
    searched(identifiers)


def test_the_store_holds_references_and_no_text_of_the_chart(planted, tmp_path):
    """Of all that was planted: ids of records, of the order, of the user and of the call. Dossiers are apart."""
    body, identifiers = planted
    database = f"sqlite:///{tmp_path}/{STORE}"
    said = {"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": database, "CDSHOOKS_DOSSIER_DAYS": "0"}
    client = create_app(read_settings(said), shipped_library()).test_client()
    assert client.post(URL, json=body).json["cards"]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob(f"{STORE}*")).decode("utf-8", "replace")
    found = {identifier for identifier in identifiers if identifier in stored}
    references = {identifier for identifier in found if re.search(r"-id-\d+$", identifier)}
    assert found - references == {f"{MARK}-order", f"{MARK}-user", f"{MARK}-instance"}
    assert references


@pytest.mark.parametrize(
    "place",
    [
        *("service.Gathering.complete", "service.build_chart", "service.select_policies"),
        *("policy_card.determine", "policy_card.write_card"),
    ],
)
def test_code_that_fails_with_the_chart_in_its_hands_tells_nobody(planted, client, searched, monkeypatch, place):
    body, identifiers = planted

    def fail(*given, **named):
        raise KeyError(f"{json.dumps(body)} {given!r} {named!r}")

    monkeypatch.setattr(f"cdshooks.hooks.{place}", fail)
    if place == "policy_card.write_card":  # the card that says so cannot be written either
        monkeypatch.setattr("cdshooks.hooks.plain_card.write_card", fail)
    reply = post(client, json.dumps(body), searched, content_type="application/json")
    assert reply.status_code == (500 if place == "policy_card.write_card" else 200)
    searched(identifiers)


def test_a_failure_outside_the_service_tells_nobody(planted, tmp_path, searched):
    body, identifiers = planted

    def fail(request, *_):
        raise RuntimeError(json.dumps(body))

    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{tmp_path}/store.db"})
    client = create_app(settings, shipped_library(), answer=fail).test_client()
    assert post(client, json.dumps(body), searched, content_type="application/json").status_code == 500
    searched(identifiers)


def test_a_command_that_cannot_use_a_file_quotes_nothing_of_it(planted, tmp_path_factory, searched):
    body, identifiers = planted
    file = tmp_path_factory.mktemp("outside-the-search") / "request.json"
    ended = 0
    for data in [*list(broken(body))[::5], json.dumps(body["prefetch"]["patient"] | {"resourceType": MARK}).encode()]:
        file.write_bytes(data)
        for command in (("evaluate", "--format", "json"), ("explain",)):
            result = run(command[0], str(file), *command[1:])
            if result.exit_code:
                ended += 1
                searched.add(result.output)
    assert ended >= 20
    searched(identifiers)


def test_a_command_whose_service_fails_says_only_where(planted, tmp_path_factory, searched, monkeypatch):
    body, identifiers = planted
    file = tmp_path_factory.mktemp("outside-the-search") / "request.json"
    file.write_text(json.dumps(body), "utf-8")

    def fail(*given, **named):
        raise KeyError(json.dumps(body))

    monkeypatch.setattr(policy_card, "determine", fail)
    result = run("evaluate", str(file), "--format", "text")
    assert result.exit_code == 1
    searched.add(result.output)
    searched(identifiers)
