"""Dossiers in the store, SQLite and PostgreSQL: newest content, all that was said, nothing past its days."""

from datetime import date, timedelta

import pytest
from recording import NOW

from cdshooks.server.dossier_links import dossier_id
from cdshooks.server.dossiers import (
    DOSSIERS,
    ENTRIES,
    Said,
    add_said,
    dossier_key,
    drop_dossiers,
    keep_dossiers,
    kept_dossier,
    purge_dossiers,
)
from cdshooks.server.serve import _prepare_store
from cdshooks.server.settings import read_settings
from cdshooks.server.store import open_store

LAST = date(2026, 12, 21)
SAID = Said("confirmed", "dosage", "R. Nurse, RN", "seen")


@pytest.fixture
def store(database_url):
    store = open_store(database_url)
    yield store
    store.close()


def keep(store, id_="d1", until=LAST, content=None):
    with store.writing() as connection:
        keep_dossiers(connection, {id_: content or {"a": 1}}, "demo", NOW, until)
        add_said(connection, id_, [SAID], NOW)


def rows(store):
    with store.reading() as connection:
        return [len(connection.execute(table.select()).all()) for table in (DOSSIERS, ENTRIES)]


def test_the_newest_content_is_found_with_all_that_was_said(store):
    keep(store)
    keep(store, content={"a": 2}, until=LAST + timedelta(days=1))
    with store.reading() as connection:
        kept = kept_dossier(connection, "d1")
        assert kept_dossier(connection, "d2") is None
    assert (kept.content, kept.client, kept.until) == ({"a": 2}, "demo", LAST + timedelta(days=1))
    assert [(said.name, said.words, said.at[:10]) for said in kept.said] == [("R. Nurse, RN", "seen", "2026-11-21")] * 2


def test_a_purge_takes_what_is_past_its_last_day_and_what_was_said_in_it(store):
    keep(store)
    keep(store, "d2", LAST + timedelta(days=1))
    for today, deleted, left in ((LAST, 0, [2, 2]), (LAST + timedelta(days=1), 1, [1, 1])):
        with store.writing() as connection:
            assert purge_dossiers(connection, today) == deleted
        assert rows(store) == left
    with store.writing() as connection:
        assert drop_dossiers(connection) == 1
    assert rows(store) == [0, 0]


def test_the_key_is_drawn_once_and_a_configured_one_goes_before_it(store):
    with store.writing() as connection:
        drawn = dossier_key(connection, None)
        assert dossier_key(connection, None) == drawn and len(drawn) >= 32
        assert dossier_key(connection, "k" * 32) == b"k" * 32


def test_a_key_is_remembered_once_it_is_sure_to_stay(store):
    with pytest.raises(ZeroDivisionError), store.writing() as connection:
        lost = dossier_key(connection, None)
        assert dossier_key(connection, None) == lost
        raise ZeroDivisionError
    keys = []
    for _ in range(3):
        with store.writing() as connection:
            keys.append(dossier_key(connection, None))
    assert len({*keys}) == 1 and lost not in keys


def test_the_same_decision_of_another_client_is_another_dossier():
    decision = "6f1c2c5e-3b77-5d0a-9d51-2f0f4ab2f3f1"
    assert dossier_id(decision, "one") == dossier_id(decision, "one") != dossier_id(decision, "other")


@pytest.mark.parametrize(("days", "left"), [("30", [1, 1]), ("0", [0, 0])])
def test_a_start_deletes_what_is_past_its_days_and_all_where_dossiers_are_off(tmp_path, shipped, days, left):
    url = f"sqlite:///{tmp_path}/store.db"
    store = open_store(url)
    keep(store, until=date(2026, 1, 1))
    keep(store, "d2", until=date(9999, 1, 1))
    said = {"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": url, "CDSHOOKS_DOSSIER_DAYS": days}
    _prepare_store(read_settings(said), shipped)
    assert rows(store) == left
    store.close()
