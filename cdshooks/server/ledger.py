"""The ledger: one entry for each thing that was recorded, each with the hash of the one before it.

Whoever changes or takes away a record breaks the chain, unless all that follows is written anew: so keep the
newest hash somewhere else too. Those who append take turns, by the lock that their transaction holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from cdshooks.server.record_tables import ANSWERS, CALLS, DECISIONS, FEEDBACK, LEDGER, METRICS, Row, row_sha256

LOCK = "record"
_NEWEST = select(LEDGER).order_by(LEDGER.c.number.desc()).limit(1)
PURGE = "purge"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was recorded: its kind, its id, and the hash of its content."""

    kind: str
    id: str
    content_sha256: str


def append(connection: Connection, at: str, entries: Iterable[Entry]) -> None:
    """Add entries at the end, within a transaction that holds the lock `LOCK`."""
    newest = connection.execute(_NEWEST).mappings().first()
    last, sha256 = (newest["number"], newest["sha256"]) if newest else (0, "")
    rows = []
    for number, entry in enumerate(entries, last + 1):
        row = {"number": number, "at": at, "kind": entry.kind, "entry": entry.id}
        row["content_sha256"] = entry.content_sha256
        sha256 = _link(sha256, row)
        rows.append({**row, "sha256": sha256})
    if rows:
        connection.execute(insert(LEDGER), rows)


def newest_hash(connection: Connection) -> str:
    """The hash that stands for everything recorded so far; empty before the first record."""
    asked = select(LEDGER.c.sha256).order_by(LEDGER.c.number.desc()).limit(1)
    return str(connection.execute(asked).scalar() or "")


def faults(connection: Connection) -> Iterator[str]:
    """What is wrong with the records, a sentence each: a broken link, a record that is changed, gone or foreign."""
    purged = _purged_before(connection)
    found: dict[str, set[str]] = {}
    previous, expected = "", 1
    for row in connection.execute(select(LEDGER).order_by(LEDGER.c.number)).mappings():
        link = {name: row[name] for name in ("number", "at", "kind", "entry", "content_sha256")}
        if row["number"] != expected or row["sha256"] != _link(previous, link):
            yield f"ledger entry {row['number']}: the chain is broken before or at it"
        previous, expected = row["sha256"], row["number"] + 1
        found.setdefault(row["kind"], set()).add(_mark(row["entry"], row["content_sha256"]))
        if row["at"] >= purged:
            found.setdefault(f"must be: {row['kind']}", set()).add(_mark(row["entry"], row["content_sha256"]))
    for kind, stored in _stored(connection):
        for mark in sorted(found.get(f"must be: {kind}", set()) - stored):
            yield f"{kind} {mark.split()[0]}: it was recorded and is gone, or was changed"
        for mark in sorted(stored - found.get(kind, set())):
            yield f"{kind} {mark.split()[0]}: it is not what was recorded, or was never recorded"


def call_sha256(call: Row, answers: Iterable[Row], metrics: Row | None = None) -> str:
    """The hash of a call with the decisions that answered it, and with what was measured of it where something was."""
    measured = {"metrics": dict(metrics)} if metrics else {}
    told = sorted((dict(answer) for answer in answers), key=lambda answer: str(answer["decision"]))
    return row_sha256({"call": dict(call), "answers": told, **measured})


def _stored(connection: Connection) -> Iterator[tuple[str, set[str]]]:
    """Every kind with what is stored of it."""
    answers: dict[str, list[Row]] = {}
    for answer in connection.execute(select(ANSWERS)).mappings():
        answers.setdefault(answer["call"], []).append(answer)
    measured = {row["call"]: row for row in connection.execute(select(METRICS)).mappings()}
    calls = connection.execute(select(CALLS)).mappings()
    yield (
        "call",
        {_mark(row["id"], call_sha256(row, answers.get(row["id"], ()), measured.get(row["id"]))) for row in calls},
    )
    for kind, table in (("decision", DECISIONS), ("feedback", FEEDBACK)):
        yield kind, {_mark(row["id"], row_sha256(row)) for row in connection.execute(select(table)).mappings()}


def _purged_before(connection: Connection) -> str:
    """The time before which records may be gone; empty when nothing was ever purged."""
    asked = select(LEDGER.c.entry).where(LEDGER.c.kind == PURGE)
    return max(connection.execute(asked).scalars(), default="")


def _mark(entry: str, content_sha256: str) -> str:
    return f"{entry} {content_sha256}"


def _link(previous: str, row: Row) -> str:
    return hashlib.sha256(f"{previous}|{row_sha256(row)}".encode()).hexdigest()
