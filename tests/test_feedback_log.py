"""Feedback in the store: once, however often it is sent; of unknown cards too; and what it tells of earlier gaps."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from parts import AS_OF
from recording import NOW, PATIENT, SUBMITTED, call_of, feedback_of, keep
from sqlalchemy import select

from cdshooks.hooks.decision_record import gaps_of
from cdshooks.hooks.feedback import Reason
from cdshooks.server.feedback_log import Taken, keep_feedback, submitted_by
from cdshooks.server.ledger import faults
from cdshooks.server.record_tables import FEEDBACK, LEDGER
from cdshooks.server.store import open_store

SERVICE = "cart-order-sign"


@pytest.fixture
def store(database_url):
    opened = open_store(database_url)
    yield opened
    opened.close()


def take(store, *entries, client="demo", now=NOW):
    with store.writing("record") as connection:
        return keep_feedback(connection, client, SERVICE, entries, now)


def taken(repeated=0, unknown=0, **new):
    return Taken(Counter(new), repeated, unknown)


def stored(store):
    with store.reading() as connection:
        assert list(faults(connection)) == []
        return [dict(row) for row in connection.execute(select(FEEDBACK).order_by(FEEDBACK.c.card)).mappings()]


def told(store, as_of=AS_OF, client="demo", patient=PATIENT, zone=UTC):
    with store.reading() as connection:
        return submitted_by(connection, client, patient, as_of, zone)


def test_an_entry_is_stored_whole(store, example):
    (made,) = keep(store, example)
    reasons = (SUBMITTED, Reason("other"))
    entry = feedback_of(made.card, accepted_suggestions=("s1", "s2"), reasons=reasons, comment="sent on Monday")
    assert take(store, entry) == taken(overridden=1)
    (row,) = stored(store)
    assert (row["card"], row["decision"], row["outcome"]) == (made.card, made.id, "overridden")
    assert (row["client"], row["service"], row["at"]) == ("demo", SERVICE, "2026-11-21T12:00:00.000000+00:00")
    assert row["reasons"] == (
        '[{"code":"already-submitted","system":"urn:org.cdshooks:override-reason"},{"code":"other"}]'
    )
    assert (row["suggestions"], row["comment"]) == ('["s1","s2"]', "sent on Monday")


def test_a_batch_of_a_thousand_is_stored_and_its_repeat_adds_nothing(store):
    batch = [feedback_of(f"card-{n}") for n in range(1000)]
    assert take(store, *batch) == taken(overridden=1000, unknown=1000)
    assert take(store, *batch) == taken(repeated=1000)
    assert len(stored(store)) == 1000


def test_a_repeat_within_a_batch_is_stored_once_and_the_first_stays(store):
    batch = [feedback_of("c", comment=comment) for comment in ("first", "second")]
    assert take(store, *batch) == taken(overridden=1, repeated=1, unknown=1)
    take(store, feedback_of("c", comment="third"))
    assert [row["comment"] for row in stored(store)] == ["first"]


@pytest.mark.parametrize("change", [{"outcome": "accepted"}, {"at": NOW + timedelta(microseconds=1)}])
def test_another_outcome_or_time_of_the_same_card_is_another_entry(store, change):
    assert take(store, feedback_of("c"), feedback_of("c", **change)).new.total() == 2


def test_a_card_of_another_client_is_unknown(store, example):
    (made,) = keep(store, example)
    assert take(store, feedback_of(made.card), client="other").unknown == 1
    assert stored(store)[0]["decision"] is None


def test_very_long_texts_are_cut_and_still_told_apart(store):
    long = "x" * 5000
    take(store, feedback_of(f"{long}1", comment="y" * 20000), feedback_of(f"{long}2"))
    rows = stored(store)
    assert [len(row["card"]) for row in rows] == [1000, 1000]
    assert sorted(len(row["comment"] or "") for row in rows) == [0, 10_000]


def test_nothing_new_adds_nothing_to_the_ledger(store):
    take(store, feedback_of("c"))
    take(store, feedback_of("c"))
    with store.reading() as connection:
        assert len(connection.execute(select(LEDGER)).all()) == 1


# ---- gaps that were overridden as already submitted ----


def test_gaps_that_were_overridden_as_submitted_are_told(store, example):
    (made,) = keep(store, example)
    take(store, feedback_of(made.card, reasons=(SUBMITTED,)))
    (past,) = told(store)
    assert (past.order, past.product) == ("MedicationRequest/order-1", "examplecel")
    assert (past.policy_id, past.gaps, past.on) == ("example-health/gene-therapy", gaps_of(made.content), AS_OF)
    assert past.gaps


NOT_TOLD = {
    "accepted": {"outcome": "accepted", "reasons": (SUBMITTED,)},
    "no reason": {},
    "another reason": {"reasons": (Reason("documents-elsewhere", SUBMITTED.system),)},
    "another system": {"reasons": (Reason(SUBMITTED.code, "urn:other"),)},
    "too long ago": {"reasons": (SUBMITTED,), "at": NOW - timedelta(days=12)},
}


@pytest.mark.parametrize("fields", NOT_TOLD.values(), ids=NOT_TOLD)
def test_nothing_else_is_told(store, example, fields):
    (made,) = keep(store, example)
    take(store, feedback_of(made.card, **fields))
    assert told(store) == ()


@pytest.mark.parametrize("whose", [{"patient": "1" * 64}, {"client": "other"}])
def test_nothing_is_told_of_another_patient_or_client(store, example, whose):
    (made,) = keep(store, example)
    take(store, feedback_of(made.card, reasons=(SUBMITTED,)))
    assert told(store, **whose) == ()


def test_the_day_is_the_local_one(store, example):
    (made,) = keep(store, example, call=call_of())
    late = datetime(2026, 11, 22, 3, tzinfo=UTC)
    take(store, feedback_of(made.card, reasons=(Reason(SUBMITTED.code),), at=late))
    assert told(store, zone=ZoneInfo("America/New_York"))[0].on == AS_OF
