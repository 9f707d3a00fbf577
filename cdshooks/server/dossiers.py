"""Dossiers in the store: chart text at rest, for a few days, with what people attested to and opened.

Every write and every look-up first deletes what is past its last day. Nothing of it is logged or in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import uuid4

import msgspec
from sqlalchemy import Column, Connection, Date, MetaData, Table, Text, bindparam, delete, func, insert, select, update

from cdshooks.server.drawn_keys import drawn_key
from cdshooks.server.record_tables import json_text, stamp

_TABLES = MetaData()
_KEY = "dossier"

DOSSIERS = Table(
    "dossiers",
    _TABLES,
    Column("id", Text, primary_key=True),
    *(Column(name, Text) for name in ("client", "made_at")),
    Column("until", Date),
    Column("content", Text),
)
ENTRIES = Table(
    "dossier_entries",
    _TABLES,
    Column("id", Text, primary_key=True),
    *(Column(name, Text) for name in ("dossier", "at", "kind", "subject", "name", "words")),
)

_NEWER = update(DOSSIERS).where(DOSSIERS.c.id == bindparam("dossier"))
_PAST = select(func.count()).select_from(DOSSIERS).where(DOSSIERS.c.until < bindparam("today"))

Kind = Literal["confirmed", "not-so", "line", "opened"]


@dataclass(frozen=True, slots=True)
class Said:
    """What a person put into a dossier: they attested to a criterion, told of a line of treatment, or opened records.

    `subject` is a criterion, or a line's first record and what was open in it; `name` is as typed.
    """

    kind: Kind
    subject: str
    name: str
    words: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored dossier: its content, whose call it answered, through which day it is kept, and what was said since."""

    id: str
    client: str
    made_at: str
    until: date
    content: Mapping[str, Any]
    said: tuple[Said, ...]

    @property
    def has_map(self) -> bool:
        """False for a denial that was held against no policy: there are only the days of its appeal."""
        return bool(self.content["determination"]["findings"])

    @property
    def attested(self) -> list[Said]:
        """What people said of the case; that somebody opened records is not for others."""
        return [entry for entry in self.said if entry.kind != "opened"]


def dossier_key(connection: Connection, configured: str | None) -> bytes:
    """The key that signs links and forms: the one that is set, else the store's own. The transaction may write."""
    return drawn_key(connection, _KEY, configured)


def keep_dossiers(
    connection: Connection, contents: Mapping[str, Mapping[str, Any]], client: str, now: datetime, until: date
) -> None:
    """Store dossiers by their id; one that is there already takes the newer content and keeps what was said."""
    for id_, content in contents.items():
        row = {"client": client, "made_at": stamp(now), "until": until, "content": json_text(content)}
        if not connection.execute(_NEWER, {"dossier": id_, **row}).rowcount:
            connection.execute(insert(DOSSIERS), {"id": id_, **row})


def kept_dossier(connection: Connection, id_: str) -> Kept | None:
    """The dossier with that id; None when there is none, or no more."""
    row = connection.execute(select(DOSSIERS).where(DOSSIERS.c.id == id_)).mappings().first()
    if row is None:
        return None
    content = msgspec.json.decode(row["content"])
    return Kept(id_, row["client"], row["made_at"], row["until"], content, tuple(_said_of(connection, id_)))


def _said_of(connection: Connection, id_: str) -> Iterator[Said]:
    asked = select(ENTRIES).where(ENTRIES.c.dossier == id_).order_by(ENTRIES.c.at, ENTRIES.c.id)
    for row in connection.execute(asked).mappings():
        yield Said(row["kind"], row["subject"], row["name"], row["words"], row["at"])


def add_said(connection: Connection, id_: str, said: Sequence[Said], now: datetime) -> None:
    """Add what a person said to a dossier; nothing that is there is changed."""
    rows = [
        {"id": uuid4().hex, "dossier": id_, "at": stamp(now), "kind": s.kind, "subject": s.subject, "name": s.name}
        | {"words": s.words}
        for s in said
    ]
    if rows:
        connection.execute(insert(ENTRIES), rows)


def unsaid_of(said: Iterable[Said], kept: Sequence[Said]) -> list[Said]:
    """What is new of what a person says: not what the same name said last of the same subject, in the same words."""
    last = {(one.subject, one.name): (one.kind, one.words) for one in kept}
    return [one for one in said if last.get((one.subject, one.name)) != (one.kind, one.words)]


def purge_dossiers(connection: Connection, today: date) -> int:
    """Delete every dossier whose last day is before today, with what was said in it; how many."""
    count = int(connection.execute(_PAST, {"today": today}).scalar() or 0)
    if count:
        past = DOSSIERS.c.until < today
        connection.execute(delete(ENTRIES).where(ENTRIES.c.dossier.in_(select(DOSSIERS.c.id).where(past))))
        connection.execute(delete(DOSSIERS).where(past))
    return count


def drop_dossiers(connection: Connection) -> int:
    """Delete every dossier at once; how many."""
    connection.execute(delete(ENTRIES))
    return connection.execute(delete(DOSSIERS)).rowcount
