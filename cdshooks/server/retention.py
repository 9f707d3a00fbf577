"""Deleting what was recorded before a day: the only way in which a record ever goes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, delete, exists, func, select
from sqlalchemy.sql.elements import ColumnElement

from cdshooks.server.ledger import PURGE, Entry, append
from cdshooks.server.record_tables import ANSWERS, CALLS, DECISIONS, FEEDBACK, METRICS, row_sha256, stamp


@dataclass(frozen=True, slots=True)
class Purged:
    """How many records went, or would go."""

    calls: int
    decisions: int
    feedback: int


def purge(connection: Connection, before: datetime, now: datetime, *, dry_run: bool = False) -> Purged:
    """Delete calls and feedback from before a moment, and decisions that answered no later call.

    The transaction must hold the ledger's lock; the ledger keeps its entries and says that there was a purge.
    """
    end = stamp(before)
    old_calls = CALLS.c.at < end
    old = select(CALLS.c.id).where(old_calls)
    used = exists().where(
        ANSWERS.c.decision == DECISIONS.c.id,
        ANSWERS.c.content_sha256 == DECISIONS.c.content_sha256,
        ANSWERS.c.call.not_in(old),
    )
    doomed: list[tuple[Table, ColumnElement[bool]]] = [
        (DECISIONS, (DECISIONS.c.made_at < end) & ~used),
        (ANSWERS, ANSWERS.c.call.in_(old)),
        (METRICS, METRICS.c.call.in_(old)),
        (CALLS, old_calls),
        (FEEDBACK, FEEDBACK.c.received_at < end),
    ]
    counts = {table.name: _count(connection, table, which) for table, which in doomed}
    purged = Purged(counts["calls"], counts["decisions"], counts["feedback"])
    if not dry_run and any(counts.values()):
        for table, which in doomed:
            connection.execute(delete(table).where(which))
        append(connection, stamp(now), [Entry(PURGE, end, row_sha256(asdict(purged)))])
    return purged


def _count(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(which)).scalar() or 0)
