"""The door of the CDS services: what each client gets, how often it may come, and what happens when it is too much."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from ehr import FHIR, PUBLIC, bearer, claims, clients_file, clients_toml, ec_key, header, signed, token
from flask import Flask
from flask.testing import FlaskClient
from parts import SERVER, body_of, drug_order

from cdshooks.engine.library import Library
from cdshooks.hooks.request import Request
from cdshooks.hooks.service import Answer, ServiceOptions
from cdshooks.hooks.service import answer as real_answer
from cdshooks.server.app import create_app
from cdshooks.server.call_log import JsonLines
from cdshooks.server.callers import AT_ONCE, AT_ONCE_OF_ONE
from cdshooks.server.decision_log import kept_decisions
from cdshooks.server.settings import read_settings
from cdshooks.server.site import COMPUTE_AT_ONCE
from cdshooks.server.store import open_store

PATH = "/cds-services/cart-order-sign"
CALL = {"hook": "order-sign", "hookInstance": "h", "context": {"patientId": "p1"}}


class Answers:
    """Stands in for the rules: keeps what it was asked, and answers with a card."""

    def __init__(self) -> None:
        self.asked: list[tuple[date, ServiceOptions]] = []

    def __call__(self, request: Request, library: Library, as_of: date, options: ServiceOptions, fetch: Any) -> Answer:
        self.asked.append((as_of, options))
        return Answer({"cards": [{"summary": "a card"}], "systemActions": [{}]})


def site(library: Library, folder: Path, *tables: str, answer: Any = None, **settings: str) -> Flask:
    environment = {
        "CDSHOOKS_CLIENTS": str(clients_file(folder, *tables)),
        "CDSHOOKS_PUBLIC_URL": PUBLIC,
        "CDSHOOKS_DATABASE_URL": f"sqlite:///{folder}/store.db",
        **settings,
    }
    return create_app(
        read_settings(environment),
        library,
        answer=answer or Answers(),
        clock=lambda zone: datetime.fromisoformat("2026-11-22T04:30:00+00:00").astimezone(zone),
    )


NOW = datetime.fromisoformat("2026-11-22T04:30:00+00:00").timestamp()


def posted(client: FlaskClient, body: Any = CALL, **changed: Any) -> Any:
    headers = bearer(token(NOW, **changed)) | {"Content-Type": "application/json"}
    return client.post(PATH, data=body if isinstance(body, bytes) else json.dumps(body), headers=headers)


# ---- what a client gets


def test_each_client_has_its_own_day_and_options(shipped: Library, tmp_path: Path) -> None:
    answers = Answers()
    tables = [
        clients_toml(name="plain", tenant="a"),
        clients_toml(
            name="own", tenant="b", timezone="America/New_York", default_facility="1234567893", suggestions=False
        ),
    ]
    client = site(shipped, tmp_path, *tables, answer=answers, CDSHOOKS_DEFAULT_FACILITY="1000000012").test_client()
    assert [posted(client, tenant=tenant).status_code for tenant in "ab"] == [200, 200]
    (first_day, first), (second_day, second) = answers.asked
    assert (first_day, second_day) == (date(2026, 11, 22), date(2026, 11, 21))
    assert (first.default_facility, second.default_facility) == ("1000000012", "1234567893")
    assert (first.suggestions, second.suggestions) == (True, False)
    assert str(second.zone) == "America/New_York"


def test_in_shadow_everything_is_determined_and_nothing_is_shown(shipped: Library, tmp_path: Path) -> None:
    answers = Answers()
    client = site(shipped, tmp_path, clients_toml(shadow=True), answer=answers).test_client()
    assert posted(client).get_json() == {"cards": []}
    assert len(answers.asked) == 1


@pytest.mark.parametrize(
    ("provider", "shown"), [("Organization/oncology", True), ("Organization/dermatology", False), (None, False)]
)
def test_cards_are_shown_in_the_departments_that_are_switched_on(
    shipped: Library, tmp_path: Path, provider: str | None, shown: bool
) -> None:
    encounter = {"resourceType": "Encounter", "id": "e1", "serviceProvider": {"reference": provider}}
    body = CALL | {
        "context": {"patientId": "p1", "encounterId": "e1"},
        "prefetch": {"encounter": encounter if provider else None},
    }
    client = site(shipped, tmp_path, clients_toml(departments=["Organization/oncology"])).test_client()
    assert bool(posted(client, body).get_json()["cards"]) == shown


@pytest.mark.parametrize(
    ("server", "status"), [(FHIR, 200), (f"{FHIR}/", 200), (None, 200), ("https://fhir.other.example/r4", 400)]
)
def test_a_client_speaks_for_its_own_fhir_servers(
    shipped: Library, tmp_path: Path, server: str | None, status: int
) -> None:
    client = site(shipped, tmp_path).test_client()
    reply = posted(client, CALL | ({"fhirServer": server} if server else {}))
    assert reply.status_code == status
    if status == 400:
        assert reply.get_json()["issue"][0]["expression"] == ["fhirServer"]
        assert "fhir.other" not in reply.text


def test_a_registered_client_gets_a_real_card(example: Library, tmp_path: Path) -> None:
    client = site(example, tmp_path, clients_toml(fhir_servers=[SERVER]), answer=real_answer).test_client()
    (card,) = posted(client, body_of(drug_order())).get_json()["cards"]
    assert card["summary"]


def test_a_shadow_call_is_recorded_as_one_under_the_client_s_name(example: Library, tmp_path: Path) -> None:
    in_shadow = clients_toml(fhir_servers=[SERVER], shadow=True)
    client = site(example, tmp_path, in_shadow, answer=real_answer).test_client()
    assert posted(client, body_of(drug_order())).get_json() == {"cards": []}
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    with store.reading() as connection:
        (kept,) = kept_decisions(connection)
    store.close()
    (call,) = kept.calls
    assert (call["client"], call["shadow"], call["shown"]) == ("hospital", True, False)


# ---- how often


def test_a_client_that_comes_too_often_is_told_to_wait_and_others_are_not(shipped: Library, tmp_path: Path) -> None:
    tables = [clients_toml(name=name, tenant=name, calls_per_second=2) for name in ("busy", "calm")]
    client = site(shipped, tmp_path, *tables, CDSHOOKS_ADDRESS_RATE="0").test_client()
    replies = [posted(client, tenant="busy") for _ in range(12)]
    assert [reply.status_code for reply in replies[:4]] == [200] * 4
    refused = next(reply for reply in replies if reply.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    assert refused.get_json()["issue"][0]["code"] == "throttled"
    assert posted(client, tenant="calm").status_code == 200


def test_an_address_that_comes_too_often_is_stopped_before_its_tokens_are_read(
    shipped: Library, tmp_path: Path
) -> None:
    client = site(shipped, tmp_path, CDSHOOKS_ADDRESS_RATE="3").test_client()
    statuses = [client.post(PATH, json=CALL).status_code for _ in range(30)]
    assert statuses[:6] == [401] * 6
    assert 429 in statuses
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    assert client.post(PATH, json=CALL, environ_overrides=elsewhere).status_code == 401
    assert [client.get("/health/live").status_code for _ in range(30)] == [200] * 30


# ---- too much at once


class Holding(Answers):
    """Rules that take until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)

    def __call__(self, *call: Any) -> Answer:
        self.begun.release()
        assert self.go.wait(30)
        return super().__call__(*call)


@pytest.fixture
def holding(monkeypatch: pytest.MonkeyPatch) -> Iterator[Holding]:
    monkeypatch.setattr("cdshooks.server.site.COMPUTE_AT_ONCE", AT_ONCE)  # they wait as for a server, with a turn
    answers = Holding()
    yield answers
    answers.go.set()


def test_what_is_too_much_at_once_is_refused_at_once(example: Library, holding: Holding) -> None:
    app = create_app(read_settings({"CDSHOOKS_MODE": "demo"}), example, answer=holding)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(lambda: app.test_client().post(PATH, json=CALL).status_code) for _ in range(AT_ONCE)]
        for _ in running:
            assert holding.begun.acquire(timeout=30)
        refused = app.test_client().post(PATH, json=CALL)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert app.test_client().get("/health/ready").status_code == 200
        holding.go.set()
        assert [one.result(30) for one in running] == [200] * AT_ONCE
    assert app.test_client().post(PATH, json=CALL).status_code == 200


def test_a_call_is_not_kept_waiting_for_its_turn_until_nobody_wants_its_answer(
    example: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdshooks.server.answering.TURN_SECONDS", 0.01)
    monkeypatch.setattr("cdshooks.server.site.COMPUTE_AT_ONCE", 0)
    app = create_app(read_settings({"CDSHOOKS_MODE": "demo"}), example)
    refused = app.test_client().post(PATH, json=CALL)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")


def test_calls_compute_a_few_at_a_time(example: Library) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def compute(*_: Any) -> Answer:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.02)
        with lock:
            inside -= 1
        return Answer({"cards": []})

    app = create_app(read_settings({"CDSHOOKS_MODE": "demo"}), example, answer=compute)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(lambda: app.test_client().post(PATH, json=CALL).status_code) for _ in range(AT_ONCE)]
        assert [one.result(30) for one in running] == [200] * AT_ONCE
    assert most == COMPUTE_AT_ONCE


def test_one_client_leaves_room_for_the_others(shipped: Library, tmp_path: Path, holding: Holding) -> None:
    tables = [clients_toml(name=name, tenant=name) for name in ("crowd", "calm")]
    app = site(shipped, tmp_path, *tables, answer=holding)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        crowd = [pool.submit(lambda: posted(app.test_client(), tenant="crowd")) for _ in range(AT_ONCE_OF_ONE)]
        for _ in crowd:
            assert holding.begun.acquire(timeout=30)
        assert posted(app.test_client(), tenant="crowd").status_code == 503
        calm = pool.submit(lambda: posted(app.test_client(), tenant="calm"))
        assert holding.begun.acquire(timeout=30)
        holding.go.set()
        assert {one.result(30).status_code for one in (*crowd, calm)} == {200}
    assert posted(app.test_client(), tenant="crowd").status_code == 200


def test_a_call_that_fails_gives_its_place_back(example: Library) -> None:
    def fail(*_: Any) -> Answer:
        raise ValueError

    app = create_app(read_settings({"CDSHOOKS_MODE": "demo"}), example, answer=fail)
    for _ in range(2 * AT_ONCE):
        assert app.test_client().post(PATH, json=CALL).status_code == 500
        assert app.test_client().post(PATH, data=b"{", content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("10.1.3.3", {}, 404),
        ("198.51.100.7", {}, 404),
        ("::1", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Forwarded": "for=10.1.2.3"}, 404),
    ],
)
def test_metrics_are_for_listed_networks(
    shipped: Library, tmp_path: Path, address: str, headers: dict[str, str], status: int
) -> None:
    app = site(shipped, tmp_path, CDSHOOKS_METRICS_FROM="127.0.0.0/8 10.1.2.0/24")
    reply = app.test_client().get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert reply.status_code == status


def test_nothing_of_a_token_gets_into_the_log(
    shipped: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = site(shipped, tmp_path).test_client()
    good = token(NOW, sub="canary-sub", jti="canary-jti")
    assert client.post(PATH, json=CALL, headers=bearer(good)).status_code == 200
    bad = signed(header(kid="canary-kid"), claims(NOW, iss="https://canary.example"), ec_key("theirs"))
    assert client.post(PATH, json=CALL, headers=bearer(bad)).status_code == 401
    written = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert written.count("caller refused") == 1 and '"client":"hospital"' in written
    assert not any(piece in written for piece in ("canary", *good.split("."), *bad.split(".")))


def test_a_demo_with_clients_checks_who_calls(shipped: Library, tmp_path: Path) -> None:
    app = site(shipped, tmp_path, CDSHOOKS_MODE="demo")
    assert app.test_client().post(PATH, json=CALL).status_code == 401
    assert posted(app.test_client()).status_code == 200
    assert "DEMO MODE: registered clients can call this; synthetic data only." in app.test_client().get("/").text


def test_a_client_that_takes_system_actions_gets_them_and_another_does_not(example: Library, tmp_path: Path) -> None:
    asked = json.loads(body_of()) | {"extension": {"davinci-crd.requestedVersion": "2.2"}}
    for index, takes in enumerate((True, False)):
        folder = tmp_path / str(index)
        folder.mkdir()
        client = site(example, folder, clients_toml(system_actions=takes), answer=real_answer).test_client()
        reply = posted(client, asked)
        assert reply.status_code == 200 and len(reply.json["cards"]) == 1
        assert ("systemActions" in reply.json) is takes


def test_in_shadow_no_order_is_updated(example: Library, tmp_path: Path) -> None:
    table = clients_toml(system_actions=True, shadow=True)
    assert posted(site(example, tmp_path, table, answer=real_answer).test_client(), json.loads(body_of())).json == {
        "cards": []
    }


@pytest.mark.parametrize("extension", [{}, {"davinci-crd.requestedVersion": "2.0"}])
def test_an_open_demo_answers_as_crd_has_it_when_it_is_asked_to(example: Library, extension: Any) -> None:
    client = create_app(read_settings({"CDSHOOKS_MODE": "demo"}), example).test_client()
    reply = client.post(PATH, json=json.loads(body_of()) | {"extension": extension})
    assert ("systemActions" in reply.json) is bool(extension)


def test_the_side_that_speaks_is_a_setting(example: Library) -> None:
    said = []
    for side in ("provider", "payer"):
        demo = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_SIDE": side})
        asked = json.loads(body_of()) | {"extension": {"davinci-crd.requestedVersion": "2.0"}}
        said.append(json.dumps(create_app(demo, example).test_client().post(PATH, json=asked).json["systemActions"]))
    assert ["not by the plan" in text for text in said] == [True, False]


def test_options_that_cannot_be_obeyed_are_logged_by_our_own_names(
    example: Library, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_app(read_settings({"CDSHOOKS_MODE": "demo"}), example).test_client()
    sent = {"davinci-crd.configuration": {"max-cards": "Canary", "Canary": 1}}
    with caplog.at_level(logging.WARNING):
        assert client.post(PATH, json=json.loads(body_of()) | {"extension": sent}).status_code == 200
    (record,) = [r for r in caplog.records if r.getMessage() == "options not obeyed"]
    assert "max-cards" in JsonLines().format(record) and "Canary" not in JsonLines().format(record)
