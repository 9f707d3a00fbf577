"""The store: opened, brought up to date, refused when it is newer, and never left half-written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from cdshooks.server.migrations import STEPS, Step
from cdshooks.server.record_tables import ANSWERS, CALLS, DECISIONS, FEEDBACK, KEYS, LEDGER
from cdshooks.server.registry import ROWS, VERSIONS
from cdshooks.server.store import StoreError, open_store

ROOT = Path(__file__).parents[1]
NEXT = Step(len(STEPS) + 1, "something new", ("CREATE TABLE more (number INTEGER)", "INSERT INTO more VALUES (7)"))


def test_a_new_store_has_every_step_and_the_tables_that_the_code_reads(database_url: str) -> None:
    store = open_store(database_url)
    with store.reading() as connection:
        steps = connection.execute(text("SELECT number, says FROM schema_steps ORDER BY number")).all()
        columns = {table.name: {c["name"] for c in inspect(connection).get_columns(table.name)} for table in TABLES}
    store.close()
    assert steps == [(step.number, step.says) for step in STEPS]
    assert columns == {table.name: set(table.columns.keys()) for table in TABLES}


TABLES = (VERSIONS, ROWS, KEYS, DECISIONS, CALLS, ANSWERS, FEEDBACK, LEDGER)


def test_the_steps_are_numbered_without_a_gap() -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))


def test_a_step_is_applied_once_to_a_store_that_lacks_it(database_url: str) -> None:
    open_store(database_url).close()
    for _ in range(2):
        open_store(database_url, (*STEPS, NEXT)).close()
    store = open_store(database_url, (*STEPS, NEXT))
    with store.reading() as connection:
        assert connection.execute(text("SELECT number FROM more")).scalars().all() == [7]
    store.close()


def test_a_newer_store_is_refused_and_left_alone(database_url: str) -> None:
    open_store(database_url, (*STEPS, NEXT)).close()
    with pytest.raises(StoreError, match=f"has schema step {NEXT.number}, and this release knows {len(STEPS)}"):
        open_store(database_url)
    open_store(database_url, (*STEPS, NEXT)).close()


def test_a_step_that_fails_leaves_nothing_behind(database_url: str) -> None:
    broken = Step(NEXT.number, "broken", ("CREATE TABLE half (number INTEGER)", "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(StoreError, match="nowhere"):
        open_store(database_url, (*STEPS, broken))
    store = open_store(database_url)
    with store.reading() as connection:
        assert not inspect(connection).has_table("half")
    store.close()


def test_many_may_open_a_new_store_at_once(database_url: str) -> None:
    script = "import sys; from cdshooks.server.store import open_store; open_store(sys.argv[1]).close()"
    started = [
        subprocess.Popen([sys.executable, "-c", script, database_url], env={**os.environ, "PYTHONPATH": str(ROOT)})
        for _ in range(4)
    ]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0, 0]


def test_a_write_that_fails_is_taken_back(database_url: str) -> None:
    store = open_store(database_url, (*STEPS, NEXT))
    with pytest.raises(ZeroDivisionError), store.writing() as connection:
        connection.execute(text("INSERT INTO more VALUES (8)"))
        _ = 1 / 0
    with store.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM more")).scalar() == 1
    store.close()


def test_writers_of_one_lock_take_turns(database_url: str) -> None:
    store = open_store(database_url, (*STEPS, NEXT))

    def count_up() -> None:
        for _ in range(10):
            with store.writing("count") as connection:
                number = connection.execute(text("SELECT max(number) FROM more")).scalar()
                connection.execute(text("INSERT INTO more VALUES (:next)"), {"next": number + 1})

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as connection:
        numbers = connection.execute(text("SELECT number FROM more ORDER BY number")).scalars().all()
    store.close()
    assert numbers == list(range(7, 48))


def test_a_writer_that_stands_still_does_not_hold_up_the_others_for_ever(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite gives up on the one that waits instead, after BUSY_SECONDS")
    store = open_store(database_url, (*STEPS, NEXT))
    monkeypatch.setattr("cdshooks.server.store.HANGING_MILLISECONDS", 200)
    with pytest.raises(StoreError), store.writing("x") as hanging:
        hanging.execute(text("INSERT INTO more VALUES (8)"))
        with store.writing("x") as connection:
            connection.execute(text("INSERT INTO more VALUES (9)"))
        hanging.execute(text("INSERT INTO more VALUES (10)"))
    with store.reading() as connection:
        assert connection.execute(text("SELECT number FROM more ORDER BY number")).scalars().all() == [7, 9]
    store.close()


WRITER = """
import sys
from sqlalchemy import text
from cdshooks.server.store import open_store
store = open_store(sys.argv[1])
with store.writing("x") as connection:
    connection.execute(text("INSERT INTO registry_versions SELECT 1, 'x', '2026-11-21', 'x', 'x', 'x', 'x', 0"))
    print("written", flush=True)
    sys.stdin.read()
"""


def test_a_writer_that_is_killed_leaves_nothing_behind(database_url: str) -> None:
    if database_url.startswith("postgresql"):
        pytest.importorskip("psycopg")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER.replace("'2026-11-21'", "DATE('2026-11-21')"), database_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert writer.stdin and writer.stdout
    assert writer.stdout.readline() == b"written\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    store = open_store(database_url)
    with store.writing("x") as connection:
        assert connection.execute(text("SELECT count(*) FROM registry_versions")).scalar() == 0
    store.close()


def test_a_sqlite_file_is_made_with_its_folder_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "of ours?" / "store #1.db"
    open_store(f"sqlite:///{path}").close()
    assert path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and no database at all\n" * 50)
    with pytest.raises(StoreError, match="file is not a database"):
        open_store(f"sqlite:///{path}")
    assert path.read_text().startswith("these are notes")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(f"sqlite:///{tmp_path}/file/store.db")


def test_a_file_that_is_gone_is_told_and_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = open_store(f"sqlite:///{path}")
    path.unlink()
    with pytest.raises(StoreError, match="unable to open database file"), store.reading():
        pass
    assert not path.exists()


def test_a_kept_connection_to_a_file_that_is_gone_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = open_store(f"sqlite:///{path}", keep=True)
    with store.reading():
        path.unlink()
    with pytest.raises(StoreError, match="unable to open database file"), store.writing():
        pass
    assert not path.exists()
    store.close()


def test_a_file_that_was_put_in_place_of_one_at_rest_is_read(tmp_path: Path) -> None:
    path, other = tmp_path / "store.db", tmp_path / "other.db"
    open_store(f"sqlite:///{other}").close()
    store = open_store(f"sqlite:///{path}", (*STEPS, NEXT), keep=True)
    store.rest()
    other.replace(path)
    with store.reading() as connection:
        assert not inspect(connection).has_table("more")
    store.close()


def test_a_store_at_rest_leaves_no_log_beside_its_file(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db", (*STEPS, NEXT), keep=True)
    with store.writing() as connection:
        connection.execute(text("INSERT INTO more VALUES (8)"))
    assert {path.name for path in tmp_path.iterdir()} > {"store.db", "store.db-wal"}
    store.rest()
    assert [path.name for path in tmp_path.iterdir()] == ["store.db"]
    with store.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM more")).scalar() == 2
    store.close()


def test_a_server_that_is_down_is_told_without_the_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError) as error:
        open_store("postgresql://cds:secret@127.0.0.1:1/cds")
    assert "postgresql://cds:***@127.0.0.1:1/cds" in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("url", ["postgresql://[::1/cds", "postgresql://host:port/cds"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(StoreError, match="is no address"):
        open_store(url)
