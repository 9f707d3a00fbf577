"""Recording at the web edge: stored before it is answered, answered when it cannot be stored, and said by readiness."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from parts import body_of, drug_order, full_chart
from sqlalchemy import select

from cdshooks.engine.library import Library
from cdshooks.hooks.determination_json import KEY
from cdshooks.server.app import create_app
from cdshooks.server.ledger import faults
from cdshooks.server.patient_key import patient_hash, patient_key
from cdshooks.server.record_tables import CALLS, DECISIONS, FEEDBACK
from cdshooks.server.settings import Settings, read_settings
from cdshooks.server.store import Store, open_store

URL = "/cds-services/cart-order-sign"
CANARY = "Canary Comment"
NO_LETTER = [r for r in full_chart() if r["resourceType"] != "DocumentReference"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = read_settings({"CDSHOOKS_MODE": "demo"})
    return replace(made, database_url=f"sqlite:///{tmp_path}/store.db")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings.database_url)
    yield opened
    opened.close()


class Site:
    """A service whose clock a test sets."""

    def __init__(self, settings: Settings, library: Library) -> None:
        self.now = "2026-11-21T12:00:00+00:00"
        clock = lambda zone: datetime.fromisoformat(self.now).astimezone(zone)  # noqa: E731
        self.client: FlaskClient = create_app(settings, library, clock=clock).test_client()

    def call(self, *orders: Any, **fields: Any) -> list[dict[str, Any]]:
        reply = self.client.post(URL, data=body_of(*orders, **fields), content_type="application/json")
        assert reply.status_code == 200
        cards: list[dict[str, Any]] = reply.get_json()["cards"]
        return cards

    def metrics(self) -> str:
        return self.client.get("/metrics").text

    def feedback(self, *entries: dict[str, Any]) -> Any:
        return self.client.post(f"{URL}/feedback", json={"feedback": list(entries)})


@pytest.fixture
def site(settings: Settings, example: Library) -> Site:
    return Site(settings, example)


def overridden(card: dict[str, Any], at: str = "2026-11-21T12:05:00Z") -> dict[str, Any]:
    reason = next(r for r in card["overrideReasons"] if r["code"] == "already-submitted")
    said = {"reason": {"code": reason["code"], "system": reason["system"]}, "userComment": CANARY}
    return {"card": card["uuid"], "outcome": "overridden", "overrideReason": said, "outcomeTimestamp": at}


def rows(store: Store, table: Any) -> list[dict[str, Any]]:
    with store.reading() as connection:
        assert list(faults(connection)) == []
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def test_every_answer_with_a_card_is_on_record(site: Site, store: Store) -> None:
    (card,) = site.call(chart=full_chart())
    site.call(drug_order("999999"))
    (decision,) = rows(store, DECISIONS)
    assert decision["id"] == card["extension"][KEY]["decision"]
    assert decision["card"] == card["uuid"]
    (call,) = rows(store, CALLS)
    assert (call["client"], call["at"]) == ("demo", "2026-11-21T12:00:00.000000+00:00")
    assert 'cdshooks_decisions_total{client="-",hook="order-sign",result="recorded"} 1.0' in site.metrics()


def test_a_call_is_recorded_under_the_id_that_was_sent_back(site: Site, store: Store) -> None:
    reply = site.client.post(URL, data=body_of(), content_type="application/json")
    assert [call["request"] for call in rows(store, CALLS)] == [reply.headers["X-Request-Id"]]


def test_a_patient_is_stored_as_a_keyed_hash_alone(site: Site, store: Store) -> None:
    site.call()
    with store.writing() as connection:
        key = patient_key(connection, None)
    assert len(key) == 64
    assert rows(store, DECISIONS)[0]["patient"] == patient_hash(key, "demo", "p1")
    assert patient_hash(key, "demo", "p1") != patient_hash(key, "other", "p1")
    assert patient_hash(b"another", "demo", "p1") != patient_hash(key, "demo", "p1")


def test_the_key_may_be_set(settings: Settings, example: Library, store: Store) -> None:
    key = "a key that nobody can guess at all"
    Site(replace(settings, patient_key=key), example).call()
    assert rows(store, DECISIONS)[0]["patient"] == patient_hash(key.encode(), "demo", "p1")


def test_feedback_is_stored_before_it_is_acknowledged(site: Site, store: Store) -> None:
    (card,) = site.call(chart=NO_LETTER)
    unknown = {"card": "nobody's", "outcome": "accepted", "outcomeTimestamp": "2026-11-21T12:00:00Z"}
    for _ in range(2):
        reply = site.feedback(overridden(card), unknown)
        assert (reply.status_code, reply.get_json()) == (200, {})
    stored = {row["card"]: row for row in rows(store, FEEDBACK)}
    assert stored.keys() == {card["uuid"], "nobody's"}
    assert stored[card["uuid"]]["decision"] == card["extension"][KEY]["decision"]
    assert stored["nobody's"]["decision"] is None


def test_a_comment_is_stored_and_never_logged(site: Site, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (card,) = site.call(chart=NO_LETTER)
    site.feedback(overridden(card), overridden(card) | {"outcomeTimestamp": "Canary"})
    site.feedback(overridden(card))
    assert rows(store, FEEDBACK)[0]["comment"] == CANARY
    assert [record.fields["feedback"] for record in caplog.records if "feedback" in getattr(record, "fields", {})] == [
        {"overridden": 1}
    ]
    assert "Canary" not in caplog.text


def test_gaps_that_were_overridden_as_submitted_come_back_as_an_info_card_for_a_week(site: Site) -> None:
    (first,) = site.call(chart=NO_LETTER)
    site.feedback(overridden(first))
    seen = []
    for now in ("2026-11-21T13:00:00+00:00", "2026-11-28T12:00:00+00:00", "2026-11-29T12:00:00+00:00"):
        site.now = now
        (card,) = site.call(chart=NO_LETTER)
        seen.append((card["indicator"], "as already submitted" in card["detail"]))
    assert first["indicator"] == "warning"
    assert seen == [("info", True), ("info", True), ("warning", False)]


def test_another_patient_with_the_same_gaps_gets_a_warning(site: Site) -> None:
    (first,) = site.call(chart=NO_LETTER)
    site.feedback(overridden(first))
    other = json.loads(body_of(chart=NO_LETTER).replace(b"p1", b"p2"))
    reply = site.client.post(URL, json=other)
    (card,) = reply.get_json()["cards"]
    assert card["indicator"] == "warning"


# ---- the store is down ----


def broken(settings: Settings) -> None:
    """Put a folder where the file was."""
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    for file in path.parent.glob("store.db*"):
        file.unlink()
    path.mkdir()


def test_a_card_is_answered_when_it_cannot_be_recorded_and_the_loss_is_said(
    site: Site, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert site.client.get("/health/ready").status_code == 200
    broken(settings)
    assert len(site.call(chart=full_chart())) == 1
    (lost,) = [record.fields for record in caplog.records if record.getMessage() == "decisions not recorded"]
    assert (lost["decisions"], lost["why"][:10]) == (1, "the store ")
    assert 'cdshooks_decisions_total{client="-",hook="order-sign",result="lost"} 1.0' in site.metrics()
    assert site.client.get("/health/ready").status_code == 503


def test_feedback_that_cannot_be_stored_is_not_acknowledged(site: Site, settings: Settings) -> None:
    broken(settings)
    reply = site.feedback({"card": "c", "outcome": "accepted", "outcomeTimestamp": "2026-11-21T12:00:00Z"})
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "2")
    assert reply.get_json()["issue"][0]["code"] == "transient"


def test_a_store_that_can_be_read_but_not_written_is_not_ready(
    site: Site, settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a full disk: another holds the only lock for writing."""
    monkeypatch.setattr("cdshooks.server.recorder.DECISION_PATIENCE", 0.05)
    monkeypatch.setattr("cdshooks.server.recorder.LOOK_UP_PATIENCE", 0.05)
    monkeypatch.setattr("cdshooks.server.store_queue.PAUSE_SECONDS", 0.0)
    with store.writing():
        assert len(site.call(chart=full_chart())) == 1
        ready = site.client.get("/health/ready")
        assert (ready.status_code, ready.get_json()["status"]) == (503, "store down")
        assert "nothing can be recorded" in ready.get_json()["says"]
    monkeypatch.setattr("cdshooks.server.recorder.LOOK_UP_PATIENCE", 20)
    assert site.client.get("/health/ready").status_code == 200
    site.call(chart=NO_LETTER)
    assert len(rows(store, CALLS)) >= 1


def test_a_record_that_cannot_be_made_never_costs_the_card(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr("cdshooks.server.recorder.decisions_of", fail)
    assert len(site.call(chart=full_chart())) == 1
    (lost,) = [record.fields for record in caplog.records if record.getMessage() == "decisions not recorded"]
    assert lost["why"].startswith("ValueError at recorder.py:")
    assert CANARY not in caplog.text
