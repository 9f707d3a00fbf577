"""Retention: what is old goes, what is still needed stays, and the ledger knows of it."""

from datetime import timedelta

import pytest
from parts import drug_order
from recording import NOW, call_of, feedback_of, keep
from sqlalchemy import select, text

from cdshooks.server.feedback_log import keep_feedback
from cdshooks.server.ledger import faults
from cdshooks.server.record_tables import ANSWERS, CALLS, DECISIONS, FEEDBACK, LEDGER, METRICS
from cdshooks.server.retention import Purged, purge
from cdshooks.server.store import open_store

DAY = timedelta(days=1)


@pytest.fixture
def store(database_url, example):
    """Two decisions; the second, and feedback on the first, are a day younger; the first was asked for again then."""
    opened = open_store(database_url)
    (first,) = keep(opened, example)
    keep(opened, example, drug_order(id_="order-2"), call=call_of("call-2", metrics={"seconds": 1.0}))
    keep(opened, example, drug_order(id_="order-3"), call=call_of("call-3", NOW + DAY, metrics={"seconds": 2.0}))
    keep(opened, example, call=call_of("call-4", NOW + DAY))
    with opened.writing("record") as connection:
        keep_feedback(connection, "demo", "cart-order-sign", [feedback_of(first.card)], NOW + DAY)
    yield opened
    opened.close()


def purged(store, before, **options):
    with store.writing("record") as connection:
        return purge(connection, before, NOW + 3 * DAY, **options)


def counts(store):
    with store.reading() as connection:
        assert list(faults(connection)) == []
        return [len(connection.execute(select(table)).all()) for table in (CALLS, DECISIONS, ANSWERS, FEEDBACK)]


def test_what_is_older_goes_unless_a_later_call_was_answered_with_it(store):
    assert counts(store) == [4, 3, 4, 1]
    assert purged(store, NOW + DAY / 2) == Purged(calls=2, decisions=1, feedback=0)
    assert counts(store) == [2, 2, 2, 1]


def test_what_was_measured_goes_with_its_call(store):
    purged(store, NOW + DAY / 2)
    assert counts(store)
    with store.reading() as connection:
        assert [row.call for row in connection.execute(select(METRICS))] == ["call-3"]


def test_everything_may_go(store):
    assert purged(store, NOW + 2 * DAY) == Purged(calls=4, decisions=3, feedback=1)
    assert counts(store) == [0, 0, 0, 0]


def test_a_dry_run_deletes_nothing(store):
    assert purged(store, NOW + 2 * DAY, dry_run=True) == Purged(4, 3, 1)
    assert counts(store) == [4, 3, 4, 1]


def test_a_purge_with_nothing_to_do_leaves_no_entry(store):
    assert purged(store, NOW - DAY) == Purged(0, 0, 0)
    with store.reading() as connection:
        assert "purge" not in connection.execute(select(LEDGER.c.kind)).scalars().all()


def test_a_record_that_goes_missing_after_a_purge_is_still_found(store):
    purged(store, NOW + DAY / 2)
    with store.writing() as connection:
        connection.execute(text("DELETE FROM calls WHERE id = 'call-3'"))
    with store.reading() as connection:
        assert any("call call-3" in fault for fault in faults(connection))
