"""The registry: versions that are whole, kept, and taken up by whoever is running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from cdshooks.engine.centers import Facility, RosterRow, match_center, rows_to_match
from cdshooks.engine.products import Span
from cdshooks.server.app import create_app
from cdshooks.server.live_rosters import CHECK_SECONDS, LiveRosters
from cdshooks.server.registry import (
    Difference,
    Origin,
    RegistryError,
    expire_row,
    import_rows,
    newest_version,
    roster_hash,
    rows_in_force,
)
from cdshooks.server.settings import default_fixtures, read_settings
from cdshooks.server.store import Store, StoreError, open_store

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def row(npi: str = "1234567893", product: str = "tecartus", **fields: Any) -> RosterRow:
    made = RosterRow(
        facility_name="Example Hospital",
        npi=npi,
        product=product,
        evidence_kind="locator",
        evidence_url="https://example.org/locator",
        checked_on=date(2026, 11, 1),
        checked_by="somebody",
        valid_until=None,
        rems_enrolled=None,
        staff_trained_on=None,
        fact_accredited_until=None,
        synthetic=False,
        source="a list",
    )
    return replace(made, **fields)


def origin(day: str = "2026-11-21", change: str = "merge", sha256: str = "abc") -> Origin:
    return Origin(datetime.fromisoformat(f"{day}T09:00:00-05:00"), change, "a list", "list.csv", sha256)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = open_store(database_url)
    yield opened
    opened.close()


def put(store: Store, *rows: RosterRow, day: str = "2026-11-21", keep: bool = True) -> Difference:
    return import_rows(store, rows, origin(day), keep_others=keep)[1]


def number_of(store: Store) -> int:
    version = newest_version(store)
    return version.number if version else 0


FULL = row(
    valid_until=date(2027, 1, 1),
    rems_enrolled=Span(date(2024, 1, 1), date(2025, 6, 26)),
    staff_trained_on=date(2024, 2, 1),
    fact_accredited_until=date(2028, 1, 1),
)


def test_before_the_first_import_there_is_no_version(store: Store) -> None:
    assert number_of(store) == 0
    assert (rows_in_force(store).version, rows_in_force(store).rows) == (None, ())


def test_rows_come_back_as_they_went_in_with_source_checker_and_the_hash_of_the_file(store: Store) -> None:
    open_ended = row("1111111112", rems_enrolled=Span(date(2025, 1, 1), None), synthetic=True)
    put(store, FULL, open_ended)
    kept = {each.row.npi: each for each in rows_in_force(store).rows}
    assert kept[FULL.npi].row == FULL
    assert kept["1111111112"].row == open_ended
    assert {(each.row.source, each.row.checked_by, each.file_sha256) for each in kept.values()} == {
        ("a list", "somebody", "abc")
    }


def test_a_version_says_when_and_from_what_it_was_made(store: Store) -> None:
    put(store, row())
    version = rows_in_force(store).version
    assert version is not None
    assert (version.number, version.made_on, version.change) == (1, date(2026, 11, 21), "merge")
    assert version.made_at == datetime(2026, 11, 21, 14, tzinfo=UTC)
    assert (version.source, version.file_name, version.file_sha256, version.row_count) == (
        "a list",
        "list.csv",
        "abc",
        1,
    )


def test_a_merge_keeps_the_other_rows_and_a_replacement_drops_them(store: Store) -> None:
    assert put(store, row(), row(product="kymriah")) == Difference(2, 0, 0, 0)
    assert put(store, row(checked_by="else"), row("1111111112")) == Difference(1, 1, 1, 0)
    assert put(store, row(product="kymriah", source="another list"), keep=False) == Difference(0, 0, 1, 2)
    assert [kept.key for kept in rows_in_force(store).rows] == [("1234567893", "kymriah")]


def test_what_was_in_force_on_a_day_is_kept(store: Store) -> None:
    put(store, row(checked_by="first"), day="2026-11-19")
    put(store, row(checked_by="second"), day="2026-11-21")
    put(store, row(checked_by="third"), day="2026-11-21")
    said = [rows_in_force(store, date(2026, 11, day)) for day in (18, 19, 20, 21, 22)]
    assert [[kept.row.checked_by for kept in then.rows] for then in said] == [
        [],
        ["first"],
        ["first"],
        ["third"],
        ["third"],
    ]


def test_an_expired_row_is_valid_until_the_day_and_its_former_version_is_kept(store: Store) -> None:
    put(store, row(), row(product="kymriah"), day="2026-11-20")
    expire_row(store, "1234567893", "tecartus", date(2026, 11, 30), origin(change="expire"))
    until = {kept.row.product: kept.row.valid_until for kept in rows_in_force(store).rows}
    assert until == {"tecartus": date(2026, 11, 30), "kymriah": None}
    assert all(kept.row.valid_until is None for kept in rows_in_force(store, date(2026, 11, 20)).rows)


@pytest.mark.parametrize(
    ("npi", "day", "says"),
    [
        ("1111111112", date(2026, 12, 1), "no row for NPI 1111111112 and tecartus"),
        ("1234567893", date(2026, 10, 31), "was checked on 2026-11-01"),
        ("1234567893", date(2027, 1, 2), "ends before that, on 2027-01-01"),
    ],
)
def test_what_cannot_be_expired_makes_no_version(store: Store, npi: str, day: date, says: str) -> None:
    put(store, row(valid_until=date(2027, 1, 1)))
    with pytest.raises(RegistryError, match=says):
        expire_row(store, npi, "tecartus", day, origin())
    assert number_of(store) == 1


def batch(number: int) -> list[RosterRow]:
    """Two hundred rows that all name the import that brought them."""
    return [row(f"{n:010}", checked_by=str(number), source=str(number)) for n in range(200 + number % 2)]


def test_readers_see_one_import_or_the_other_and_never_a_mix(store: Store) -> None:
    put(store, *batch(0), keep=False)
    done, seen, wrong = threading.Event(), set(), []

    def read() -> None:
        while not done.is_set():
            rows = rows_in_force(store).rows
            numbers = {kept.row.checked_by for kept in rows}
            if len(numbers) != 1 or len(rows) != 200 + int(next(iter(numbers))) % 2:
                wrong.append((numbers, len(rows)))
            seen.update(numbers)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 16):
        put(store, *batch(number), keep=False)
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert len(seen) > 1


IMPORTER = """
import sys
from sqlalchemy import event
from cdshooks.server.registry import import_rows
from cdshooks.server.store import open_store
sys.path.insert(0, "tests")
from test_registry import batch, origin
store = open_store(sys.argv[1])
def stop(connection, cursor, statement, *rest):
    if "INTO registry_rows" in statement:
        print("written", flush=True)
        sys.stdin.read()
if sys.argv[3:]:
    event.listen(store.engine, "after_cursor_execute", stop)
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 20):
    import_rows(store, batch(number), origin(), keep_others=False)
"""


def importer(url: str, first: int, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", IMPORTER, url, str(first), *more]
    return subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_an_import_that_is_killed_leaves_the_version_before_it(store: Store, database_url: str) -> None:
    put(store, row())
    process = importer(database_url, 1, "stop")
    assert process.stdout and process.stdout.readline() == b"written\n"
    assert rows_in_force(store).roster() == (row(),)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert rows_in_force(store).roster() == (row(),)
    put(store, row(checked_by="later"))
    assert number_of(store) == 2


def test_imports_of_several_processes_come_one_after_the_other(store: Store, database_url: str) -> None:
    processes = [importer(database_url, first) for first in (0, 100)]
    seen = set()
    while any(process.poll() is None for process in processes):
        rows = rows_in_force(store).rows
        if rows:
            (number,) = {kept.row.checked_by for kept in rows}
            assert len(rows) == 200 + int(number) % 2
            seen.add(number)
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.communicate()
    assert number_of(store) == 40
    assert seen


# ---- the rows that calls are answered from


def test_the_registry_goes_before_the_library_for_a_facility_and_product() -> None:
    library = [row(checked_by="library"), row(product="kymriah", checked_by="library"), row("1111111112")]
    own = [row(checked_by="registry")]
    rows = rows_to_match(library, own, synthetic=False)
    assert [(r.npi, r.product, r.checked_by) for r in rows] == [
        ("1234567893", "kymriah", "library"),
        ("1111111112", "tecartus", "somebody"),
        ("1234567893", "tecartus", "registry"),
    ]


def test_a_row_of_the_registry_goes_before_a_newer_one_of_the_library() -> None:
    library, own = row(checked_on=date(2026, 11, 20)), row(valid_until=date(2026, 11, 10))
    rows = rows_to_match([library], [own], synthetic=False)
    match = match_center(Facility("", own.npi, "performer"), "tecartus", rows, date(2026, 11, 21))
    assert match.row == own


def test_a_library_row_without_an_npi_is_the_registry_s_by_its_name() -> None:
    assert rows_to_match([row(""), row("", product="kymriah")], [row()], synthetic=False) == (
        row("", product="kymriah"),
        row(),
    )


def test_made_up_rows_are_for_demos() -> None:
    made_up = row("1111111112", synthetic=True)
    assert rows_to_match([made_up], [row(), replace(made_up, npi="1999999992")], synthetic=False) == (row(),)
    assert rows_to_match([made_up], [row()], synthetic=True) == (made_up, row())


def test_a_registry_that_leaves_the_library_alone_leaves_the_answers_alone(store: Store) -> None:
    library = (row(synthetic=True),)
    assert LiveRosters(lambda: store, library, synthetic=True).current().hash is None
    assert LiveRosters(lambda: store, library, synthetic=False).current().hash is not None
    assert roster_hash([row()]) == roster_hash([row()]) != roster_hash([FULL])


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_new_version_is_taken_up_within_a_second_by_every_worker(database_url: str, store: Store) -> None:
    clock = Clock()
    workers = [LiveRosters(lambda: open_store(database_url), (), synthetic=False, clock=clock) for _ in range(2)]
    put(store, row())
    assert [worker.current().version for worker in workers] == [0, 0]
    clock.now += CHECK_SECONDS
    assert [until(worker, 1) for worker in workers] == [(row(),), (row(),)]
    for worker in workers:
        worker.close()


def until(worker: LiveRosters, version: int) -> tuple[RosterRow, ...]:
    """The rows of a worker; a store that is slow to answer is not waited for by the call itself."""
    end = time.monotonic() + 10
    while worker.current().version != version and time.monotonic() < end:
        time.sleep(0.01)
    return worker.current().rows


def test_while_the_store_is_down_the_last_known_registry_is_used_and_said(tmp_path: Path) -> None:
    path, clock = tmp_path / "store.db", Clock()
    store = open_store(f"sqlite:///{path}")
    put(store, row())
    worker = LiveRosters(lambda: store, (), synthetic=False, clock=clock)
    assert (worker.trouble(), worker.current().rows) == (None, (row(),))
    away = path.rename(tmp_path / "away.db")
    clock.now += CHECK_SECONDS
    assert worker.current().rows == (row(),)
    assert "unable to open database file" in str(worker.trouble())
    away.rename(path)
    clock.now += CHECK_SECONDS
    assert worker.current().rows == (row(),)
    assert worker.trouble() is None


def test_a_store_that_was_put_back_from_a_copy_is_read_anew(tmp_path: Path) -> None:
    path, clock = tmp_path / "store.db", Clock()
    for name, checked_by in (("copy.db", "then"), ("store.db", "now")):
        store = open_store(f"sqlite:///{tmp_path}/{name}")
        put(store, row(checked_by=checked_by), day="2026-11-20" if name == "copy.db" else "2026-11-21")
    worker = LiveRosters(lambda: store, (), synthetic=False, clock=clock)
    assert worker.current().rows == (row(checked_by="now"),)
    (tmp_path / "copy.db").replace(path)
    clock.now += CHECK_SECONDS
    assert worker.current().rows == (row(checked_by="then"),)


def test_a_store_that_is_down_at_start_is_opened_when_it_is_back(database_url: str, store: Store) -> None:
    put(store, row())
    clock, down = Clock(), [True]

    def opened() -> Store:
        if down[0]:
            raise StoreError("down")
        return store

    worker = LiveRosters(opened, (), synthetic=False, clock=clock)
    assert (worker.current().rows, worker.trouble()) == ((), "down")
    down[0] = False
    clock.now += CHECK_SECONDS
    assert until(worker, 1) == (row(),)
    assert worker.trouble() is None


def test_a_call_does_not_wait_for_a_store_that_hangs() -> None:
    clock, hanging, calls = Clock(), threading.Event(), []

    def opened() -> Store:
        calls.append(1)
        if len(calls) > 1:
            hanging.wait(20)
        raise StoreError("down")

    worker = LiveRosters(opened, (row(),), synthetic=False, clock=clock)
    clock.now += CHECK_SECONDS
    began = time.monotonic()
    assert [worker.current().rows for _ in range(50)] == [(row(),)] * 50
    assert time.monotonic() - began < 2
    clock.now += 10
    assert worker.trouble() == "the store does not answer"
    hanging.set()
    assert len(calls) == 2


def test_what_cannot_be_read_from_the_store_stops_no_call(store: Store) -> None:
    worker = LiveRosters(lambda: store, (row(),), synthetic=False, clock=(clock := Clock()))
    put(store, row())
    with store.writing() as connection:
        connection.execute(text("UPDATE registry_versions SET made_at = 'yesterday'"))
    clock.now += CHECK_SECONDS
    worker.current()
    end = time.monotonic() + 10
    while worker.trouble() is None and time.monotonic() < end:
        time.sleep(0.01)
    assert worker.trouble() == "the registry cannot be read: ValueError"
    assert worker.current().rows == (row(),)


# ---- through the running service


@pytest.fixture
def served(shipped: Any, tmp_path: Path) -> tuple[Any, Store, Path]:
    path = tmp_path / "store.db"
    settings = read_settings({"CDSHOOKS_MODE": "demo", "CDSHOOKS_DATABASE_URL": f"sqlite:///{path}"})
    app = create_app(settings, shipped, clock=lambda zone: datetime(2026, 11, 21, 12, tzinfo=zone))
    return app.test_client(), open_store(settings.database_url), path


def finding(client: Any, story: str, criterion: str) -> tuple[str, dict[str, Any]]:
    """The decision of a story, and its finding of a criterion."""
    body = (default_fixtures() / f"stories/{story}/request.json").read_bytes()
    answered = client.post("/cds-services/cart-order-sign", data=body, content_type="application/json").get_json()
    found = answered["cards"][0]["extension"]["org.cdshooks.determination"]
    return found["decision"], next(f for f in found["findings"] if f["criterion"] == criterion)


def test_an_import_changes_the_answers_of_a_running_service(served: tuple[Any, Store, Path]) -> None:
    client, store, _ = served
    before, found = finding(client, "centre-unlisted", "center")
    assert found["outcome"] == "attest"
    text_of_request = (default_fixtures() / "stories/centre-unlisted/request.json").read_text()
    (npi,) = set(re.findall(r'"http://hl7.org/fhir/sid/us-npi",\s*"value":\s*"(\d{10})"', text_of_request))
    put(store, row(npi, facility_name="Under another name"))
    time.sleep(CHECK_SECONDS + 0.1)
    after, found = finding(client, "centre-unlisted", "center")
    assert found["outcome"] == "met"
    assert before != after
    assert client.get("/health/ready").get_json()["registry"]["version"] == 1


def test_enrolment_and_training_of_a_registry_row_count_inside_a_rems_period(served: tuple[Any, Store, Path]) -> None:
    client, store, _ = served
    assert finding(client, "rems-period", "rems")[1]["outcome"] == "met"  # the demo roster's row says so
    put(store, row(rems_enrolled=None))
    time.sleep(CHECK_SECONDS + 0.1)
    assert finding(client, "rems-period", "rems")[1]["outcome"] == "missing"
    put(store, row(rems_enrolled=Span(date(2020, 9, 1), None), staff_trained_on=date(2024, 9, 16)))
    time.sleep(CHECK_SECONDS + 0.1)
    assert finding(client, "rems-period", "rems")[1]["outcome"] == "met"


def test_health_turns_while_the_store_is_down_and_calls_are_answered(served: tuple[Any, Store, Path]) -> None:
    client, store, path = served
    put(store, row())
    time.sleep(CHECK_SECONDS + 0.1)
    assert client.get("/health/ready").status_code == 200
    path.rename(path.with_name("away.db"))
    time.sleep(CHECK_SECONDS + 0.1)
    reply = client.get("/health/ready")
    assert (reply.status_code, reply.json["status"], reply.json["registry"]["version"]) == (503, "store down", 1)
    assert "registry that was read last" in reply.json["says"]
    assert str(path) not in reply.text
    assert finding(client, "mcl-complete", "center")[1]["outcome"] == "met"
