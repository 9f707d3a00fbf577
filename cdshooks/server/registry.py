"""The treatment-center registry: each change is a new version, whole and dated; no version is ever altered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    Integer,
    MetaData,
    RowMapping,
    Table,
    Text,
    insert,
    select,
)

from cdshooks.engine.centers import RosterRow
from cdshooks.engine.products import Span
from cdshooks.server.store import Store

_TABLES = MetaData()
VERSIONS = Table(
    "registry_versions",
    _TABLES,
    Column("number", Integer, primary_key=True),
    Column("made_at", Text),
    Column("made_on", Date),
    Column("change", Text),
    *(Column(name, Text) for name in ("source", "file_name", "file_sha256")),
    Column("row_count", Integer),
)
ROWS = Table(
    "registry_rows",
    _TABLES,
    Column("version", Integer, primary_key=True),
    Column("product", Text, primary_key=True),
    Column("npi", Text, primary_key=True),
    *(Column(name, Text) for name in ("facility_name", "evidence_kind", "evidence_url", "checked_by")),
    *(Column(name, Date) for name in ("checked_on", "valid_until", "rems_enrolled_from", "rems_enrolled_to")),
    *(Column(name, Date) for name in ("staff_trained_on", "fact_accredited_until")),
    Column("synthetic", Boolean),
    *(Column(name, Text) for name in ("source", "file_sha256")),
)
_LOCK = "registry"


class RegistryError(Exception):
    """A change that cannot be made, and why."""


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A row of the registry, and the hash of the file that brought it."""

    row: RosterRow
    file_sha256: str

    @property
    def key(self) -> tuple[str, str]:
        """What there is one row of: a facility's NPI and a product."""
        return self.row.npi, self.row.product


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the registry: when and how it was made, and from what."""

    number: int
    made_at: datetime
    made_on: date
    change: str
    source: str
    file_name: str
    file_sha256: str
    row_count: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change comes from, and the moment in the site's time zone at which it is made."""

    now: datetime
    change: str
    source: str
    file_name: str = ""
    file_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change does to the rows in force, in numbers."""

    new: int
    changed: int
    unchanged: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry as one version has it; no version where there was never an import."""

    version: Version | None = None
    rows: tuple[KeptRow, ...] = ()

    def roster(self) -> tuple[RosterRow, ...]:
        """The rows as the engine reads them."""
        return tuple(kept.row for kept in self.rows)


def newest_version(store: Store) -> Version | None:
    """The version in force; None before the first import."""
    with store.reading() as connection:
        return _newest(connection, None)


def rows_in_force(store: Store, as_of: date | None = None) -> Registry:
    """The newest version, or the newest that was made on or before a day."""
    with store.reading() as connection:
        return _read(connection, as_of)


def registry_version(store: Store, number: int) -> Registry | None:
    """The version of that number, 0 being the empty one; None when there is no such version."""
    if number == 0:
        return Registry()
    with store.reading() as connection:
        asked = select(VERSIONS).where(VERSIONS.c.number == number)
        found = connection.execute(asked).mappings().first()
        return _rows_of(connection, _version(found)) if found else None


def import_rows(
    store: Store, rows: Iterable[RosterRow], origin: Origin, *, keep_others: bool
) -> tuple[Version, Difference]:
    """Make a version of these rows; with `keep_others`, those of other facilities and products stay in force."""
    with store.writing(_LOCK) as connection:
        now = _read(connection, None)
        then = with_rows(now.rows, rows, origin, keep_others=keep_others)
        return _write(connection, now, then, origin), difference(now.rows, then)


def with_rows(
    now: Iterable[KeptRow], rows: Iterable[RosterRow], origin: Origin, *, keep_others: bool
) -> tuple[KeptRow, ...]:
    """What is in force after an import."""
    then = {kept.key: kept for kept in now} if keep_others else {}
    then |= {kept.key: kept for kept in (KeptRow(row, origin.file_sha256) for row in rows)}
    return tuple(sorted(then.values(), key=_place))


def difference(now: Iterable[KeptRow], then: Iterable[KeptRow]) -> Difference:
    """How many rows a change brings, alters, leaves as they are, and drops; where a row came from is no change."""
    before = {kept.key: replace(kept.row, source="") for kept in now}
    after = {kept.key: replace(kept.row, source="") for kept in then}
    same = sum(before.get(key) == row for key, row in after.items())
    return Difference(
        new=len(after.keys() - before.keys()),
        changed=len(after.keys() & before.keys()) - same,
        unchanged=same,
        dropped=len(before.keys() - after.keys()),
    )


def expire_row(store: Store, npi: str, product: str, last_day: date, origin: Origin) -> Version:
    """Make a version in which a facility's row for a product is valid until `last_day`. Raises RegistryError."""
    with store.writing(_LOCK) as connection:
        now = _read(connection, None)
        found = next((kept for kept in now.rows if kept.key == (npi, product)), None)
        if found is None:
            raise RegistryError(f"the registry has no row for NPI {npi} and {product}; nothing was changed")
        if last_day < found.row.checked_on:
            raise RegistryError(
                f"the row was checked on {found.row.checked_on}, after {last_day}; write that day or a later one"
            )
        if found.row.valid_until and found.row.valid_until < last_day:
            raise RegistryError(f"the row ends before that, on {found.row.valid_until}; nothing was changed")
        ended = replace(found, row=replace(found.row, valid_until=last_day))
        return _write(connection, now, [ended if kept is found else kept for kept in now.rows], origin)


def roster_hash(rows: Iterable[RosterRow]) -> str:
    """A hash of what rows say, the same for the same rows in the same order."""
    return f"sha256:{hashlib.sha256(msgspec.json.encode(list(rows))).hexdigest()}"


def _write(connection: Connection, now: Registry, then: Sequence[KeptRow], origin: Origin) -> Version:
    version = Version(
        number=now.version.number + 1 if now.version else 1,
        made_at=origin.now.astimezone(UTC),
        made_on=origin.now.date(),
        change=origin.change,
        source=origin.source,
        file_name=origin.file_name,
        file_sha256=origin.file_sha256,
        row_count=len(then),
    )
    connection.execute(insert(VERSIONS), [asdict(version) | {"made_at": version.made_at.isoformat()}])
    if then:
        connection.execute(insert(ROWS), [_columns(kept) | {"version": version.number} for kept in then])
    return version


def _read(connection: Connection, as_of: date | None) -> Registry:
    """A version's rows are written with it and never again, so that two statements cannot disagree."""
    version = _newest(connection, as_of)
    return _rows_of(connection, version) if version else Registry()


def _rows_of(connection: Connection, version: Version) -> Registry:
    asked = select(ROWS).where(ROWS.c.version == version.number)
    rows = (_kept(row) for row in connection.execute(asked).mappings())
    return Registry(version, tuple(sorted(rows, key=_place)))


def _newest(connection: Connection, as_of: date | None) -> Version | None:
    asked = select(VERSIONS).order_by(VERSIONS.c.number.desc()).limit(1)
    if as_of is not None:
        asked = asked.where(VERSIONS.c.made_on <= as_of)
    found = connection.execute(asked).mappings().first()
    return _version(found) if found else None


def _version(columns: RowMapping) -> Version:
    return Version(**{**columns, "made_at": datetime.fromisoformat(columns["made_at"])})


def _place(kept: KeptRow) -> tuple[str, str, str]:
    """The order of rows: the same in every database, whatever its language."""
    return kept.row.facility_name, *kept.key


def _columns(kept: KeptRow) -> dict[str, Any]:
    enrolled = kept.row.rems_enrolled or Span(None, None)
    columns = {field.name: getattr(kept.row, field.name) for field in fields(RosterRow)}
    del columns["rems_enrolled"]
    days = {"rems_enrolled_from": enrolled.start, "rems_enrolled_to": enrolled.end}
    return columns | days | {"file_sha256": kept.file_sha256}


def _kept(columns: RowMapping) -> KeptRow:
    enrolled = Span(columns["rems_enrolled_from"], columns["rems_enrolled_to"])
    told = {field.name: columns[field.name] for field in fields(RosterRow) if field.name != "rems_enrolled"}
    return KeptRow(RosterRow(**told, rems_enrolled=enrolled if enrolled.start else None), columns["file_sha256"])
