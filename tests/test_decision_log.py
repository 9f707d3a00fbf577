"""The decisions in the store: each once, every call of it, nothing changed afterwards, and no chart text."""

import json
from datetime import timedelta

import pytest
from parts import drug_order, full_chart
from recording import NOW, PATIENT, call_of, feedback_of, keep
from sqlalchemy import select, text, update

from cdshooks.server.decision_log import clients_of, kept_decisions
from cdshooks.server.feedback_log import keep_feedback
from cdshooks.server.ledger import faults, newest_hash
from cdshooks.server.record_tables import ANSWERS, CALLS, DECISIONS, FEEDBACK, LEDGER, METRICS
from cdshooks.server.store import StoreError, open_store


@pytest.fixture
def store(database_url):
    opened = open_store(database_url)
    yield opened
    opened.close()


def read(store, **asked):
    with store.reading() as connection:
        return list(kept_decisions(connection, **asked))


def rows(store, table):
    with store.reading() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def test_a_decision_is_read_back_as_it_was_made(store, example):
    (made,) = keep(store, example, chart=full_chart())
    (kept,) = read(store)
    assert kept.content == {**made.content, "client": "demo", "patient": PATIENT}
    assert (kept.row["id"], kept.row["card"], kept.row["patient"]) == (made.id, made.card, PATIENT)
    (call,) = kept.calls
    assert call["request"] == "request of call-1"
    assert (call["id"], call["at"], call["client"]) == ("call-1", "2026-11-21T12:00:00.000000+00:00", "demo")
    assert (call["service"], call["hook"], call["shown"]) == ("cart-order-sign", "order-sign", True)
    assert call["hook_instance"] == "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
    assert call["user_reference"] == "Practitioner/dr"


def test_the_same_call_again_is_another_call_and_the_same_decision(store, example):
    (made,) = keep(store, example)
    keep(store, example, call=call_of("call-2", NOW + timedelta(minutes=1)))
    (kept,) = read(store)
    assert kept.row["made_at"] == "2026-11-21T12:00:00.000000+00:00"
    assert [call["id"] for call in kept.calls] == ["call-1", "call-2"]
    assert kept.row["id"] == made.id


def test_the_same_request_of_another_client_is_kept_apart(store, example):
    keep(store, example)
    keep(store, example, call=call_of("call-2", client="other"), patient="1" * 64)
    assert sorted(kept.row["client"] for kept in read(store)) == ["demo", "other"]  # made at one moment
    with store.reading() as connection:
        assert clients_of(connection) == ["demo", "other"]


def test_a_shadow_call_is_kept_as_one_and_its_card_as_not_shown(store, example):
    keep(store, example, call=call_of(shadow=True))
    (kept,) = read(store)
    assert (kept.calls[0]["shadow"], kept.calls[0]["shown"]) == (True, False)


def test_what_was_fetched_and_the_rosters_version_are_kept_with_the_call(store, example):
    keep(store, example, call=call_of(fetched_sha256="f" * 64, rosters_version=3))
    (call,) = read(store)[0].calls
    assert (call["fetched_sha256"], call["rosters_version"]) == ("f" * 64, 3)


def test_decisions_are_found_by_id_patient_policy_and_time(store, example):
    (first,) = keep(store, example)
    (second,) = keep(
        store, example, chart=full_chart(), call=call_of("call-2", NOW + timedelta(hours=1)), patient="1" * 64
    )
    assert [kept.row["id"] for kept in read(store)] == [first.id, second.id]
    assert [kept.row["id"] for kept in read(store, ids=[second.id])] == [second.id]
    assert [kept.row["id"] for kept in read(store, patients=[PATIENT])] == [first.id]
    assert read(store, patients=[]) == []
    assert [kept.row["id"] for kept in read(store, since="2026-11-21T12:30")] == [second.id]
    assert len(read(store, policy="example-health/gene-therapy")) == 2
    assert read(store, policy="another") == []


def test_the_rule_by_which_an_epic_called_is_kept(store, example):
    extension = {"com.epic.cdshooks.request.criteria-id": "12345", "com.epic.cdshooks.request.epic-version": "11"}
    keep(store, example, extension=extension)
    assert rows(store, CALLS)[0]["criteria_id"] == "12345"


def test_free_text_where_an_id_should_be_is_not_kept(store, example):
    extension = {"com.epic.cdshooks.request.criteria-id": "Mr Canary, Room 4"}
    keep(store, example, extension=extension, hookInstance="Mr Canary", context={"userId": "Dr Canary"})
    (row,) = rows(store, CALLS)
    assert (row["criteria_id"], row["hook_instance"], row["user_reference"]) == (None, None, None)


def test_no_id_of_the_patient_is_stored(store, example):
    keep(store, example, chart=full_chart())
    stored = json.dumps([rows(store, table) for table in (DECISIONS, CALLS, ANSWERS, LEDGER)])
    assert '"p1"' not in stored and "Patient/p1" not in stored


def test_several_orders_are_answered_by_one_call(store, example):
    made = keep(store, example, *[drug_order(id_=f"order-{n}") for n in range(5)])
    assert len(rows(store, CALLS)) == 1
    shown = {row["decision"]: row["shown"] for row in rows(store, ANSWERS)}
    assert shown == {decision.id: decision.shown for decision in made}


@pytest.mark.parametrize("table", [DECISIONS, CALLS, ANSWERS, METRICS, FEEDBACK, LEDGER], ids=lambda table: table.name)
def test_what_was_recorded_cannot_be_changed(store, example, table):
    (made,) = keep(store, example, call=call_of(metrics={"seconds": 1.0}))
    with store.writing("record") as connection:
        keep_feedback(connection, "demo", "cart-order-sign", [feedback_of(made.card)], NOW)
    column = list(table.columns)[-1]
    with pytest.raises(StoreError, match="never changed"), store.writing() as connection:
        connection.execute(update(table).values({column.name: column}))


# ---- the ledger ----


@pytest.fixture
def recorded(store, example):
    """A store with two decisions of three calls, and feedback on one of them."""
    (made,) = keep(store, example)
    keep(store, example, call=call_of("call-2", metrics={"seconds": 1.0}))
    keep(store, example, chart=full_chart(), call=call_of("call-3"))
    with store.writing("record") as connection:
        keep_feedback(connection, "demo", "cart-order-sign", [feedback_of(made.card)], NOW)
    return store


def found(store):
    with store.reading() as connection:
        return list(faults(connection))


def test_what_was_recorded_is_found_whole(recorded):
    assert found(recorded) == []
    assert [row["kind"] for row in rows(recorded, LEDGER)] == [
        "decision",
        "call",
        "call",
        "decision",
        "call",
        "feedback",
    ]
    with recorded.reading() as connection:
        assert newest_hash(connection) == rows(recorded, LEDGER)[-1]["sha256"]


def test_an_empty_store_has_nothing_wrong(store):
    assert found(store) == []
    with store.reading() as connection:
        assert newest_hash(connection) == ""


TAMPERED = {
    "a decision deleted": "DELETE FROM decisions WHERE made_at IS NOT NULL",
    "a call deleted": "DELETE FROM calls WHERE id = 'call-2'",
    "an answer deleted": "DELETE FROM answers WHERE call = 'call-2'",
    "feedback deleted": "DELETE FROM feedback",
    "what was measured deleted": "DELETE FROM call_metrics",
    "something measured added": "INSERT INTO call_metrics VALUES ('call-1', '{}')",
    "the newest entries deleted with a call": "DELETE FROM ledger WHERE number > 4",
    "an entry deleted in between": "DELETE FROM ledger WHERE number = 2",
    "a call added": "INSERT INTO calls SELECT 'x', request, at, client, shadow, service, hook, hook_instance,"
    " criteria_id, user_reference, patient, request_sha256, fetched_sha256, rosters_version"
    " FROM calls WHERE id = 'call-1'",
}


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
def test_tampering_is_found(recorded, statement):
    with recorded.writing() as connection:
        connection.execute(text(statement))
    assert found(recorded)


def test_a_changed_record_is_found_even_if_the_trigger_was_dropped(recorded):
    drop = "DROP TRIGGER calls_kept"
    with recorded.writing() as connection:
        on = " ON calls" if connection.dialect.name == "postgresql" else ""
        connection.execute(text(drop + on))
        connection.execute(text("UPDATE calls SET client = 'other' WHERE id = 'call-1'"))
    assert any("call call-1" in fault for fault in found(recorded))


def test_a_changed_entry_breaks_the_chain(recorded):
    with recorded.writing() as connection:
        on = " ON ledger" if connection.dialect.name == "postgresql" else ""
        connection.execute(text("DROP TRIGGER ledger_kept" + on))
        connection.execute(text("UPDATE ledger SET at = '2020' WHERE number = 2"))
    assert any(fault.startswith("ledger entry 2") for fault in found(recorded))
