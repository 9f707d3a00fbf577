"""What clinicians made of our cards: stored before it is acknowledged, and once, however often it is sent.

A comment is free text from beside a chart: it is stored, and never logged, counted or shown in a report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select

from cdshooks.hooks.cards import ALREADY_SUBMITTED, REASON_SYSTEM
from cdshooks.hooks.feedback import FeedbackEntry, Reason
from cdshooks.hooks.submitted import Submitted
from cdshooks.server.ledger import Entry, append
from cdshooks.server.record_tables import DECISIONS, FEEDBACK, json_text, row_sha256, stamp

_LONGEST_ID, _LONGEST_NAME, _LONGEST_COMMENT = 1000, 500, 10_000
_MOST_SUGGESTIONS = 100
_LOOK_BACK = timedelta(days=10)  # more than any time zone takes away from the seven days
_OVERRIDDEN = (
    select(FEEDBACK.c.at, FEEDBACK.c.reasons, DECISIONS)
    .join(DECISIONS, DECISIONS.c.id == FEEDBACK.c.decision)
    .where(FEEDBACK.c.outcome == "overridden", FEEDBACK.c.at >= bindparam("since"))
    .where(FEEDBACK.c.client == bindparam("client"), DECISIONS.c.patient == bindparam("patient"))
    .order_by(FEEDBACK.c.at, FEEDBACK.c.id)
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: new entries by outcome, entries that had come before, and new ones of unknown cards."""

    new: Counter[str]
    repeated: int
    unknown: int

    def counts(self) -> Counter[str]:
        """Every entry of the batch once."""
        return +(self.new + Counter(repeated=self.repeated))


def keep_feedback(
    connection: Connection, client: str, service: str, entries: Sequence[FeedbackEntry], now: datetime
) -> Taken:
    """Write the entries that are new, in a transaction that holds the ledger's lock.

    An entry is new unless the client has sent one with the same card, outcome and timestamp before: the first
    stays. A card that was not answered to this client is unknown.
    """
    decisions = _decisions_of(connection, client, [entry.card for entry in entries])
    at = stamp(now)
    rows = {row["id"]: row for row in (_row(e, client, service, decisions.get(e.card), at) for e in reversed(entries))}
    asked = select(FEEDBACK.c.id).where(FEEDBACK.c.id.in_(list(rows)))
    known = set(connection.execute(asked).scalars())
    new = [row for id_, row in reversed(rows.items()) if id_ not in known]
    if new:
        connection.execute(insert(FEEDBACK), new)
        append(connection, at, [Entry("feedback", row["id"], row_sha256(row)) for row in new])
    unknown = sum(row["decision"] is None for row in new)
    return Taken(Counter(row["outcome"] for row in new), len(entries) - len(new), unknown)


def submitted_by(connection: Connection, client: str, patient: str, as_of: date, zone: tzinfo) -> tuple[Submitted, ...]:
    """What was overridden as already submitted for a patient (keyed hash) in the days before `as_of`."""
    since = stamp(datetime.combine(as_of, time(), zone) - _LOOK_BACK)
    found = connection.execute(_OVERRIDDEN, {"since": since, "client": client, "patient": patient}).mappings()
    return tuple(_submitted(row, zone) for row in found if _says_submitted(row["reasons"]))


def comments(connection: Connection, since: str = "") -> Iterator[Any]:
    """Every entry whole, comment and policy with it, oldest first."""
    asked = (
        select(FEEDBACK, DECISIONS.c.policy)
        .join(DECISIONS, DECISIONS.c.id == FEEDBACK.c.decision, isouter=True)
        .where(FEEDBACK.c.received_at >= since)
        .distinct()
    )
    yield from connection.execute(asked.order_by(FEEDBACK.c.received_at, FEEDBACK.c.id)).mappings()


def _decisions_of(connection: Connection, client: str, cards: Iterable[str]) -> dict[str, str]:
    asked = select(DECISIONS.c.card, DECISIONS.c.id).where(
        DECISIONS.c.card.in_(sorted(set(cards))), DECISIONS.c.client == client
    )
    return {row.card: row.id for row in connection.execute(asked)}


def _row(entry: FeedbackEntry, client: str, service: str, decision: str | None, received_at: str) -> dict[str, Any]:
    at = stamp(entry.timestamp)
    return {
        "id": row_sha256({"client": client, "card": entry.card, "outcome": entry.outcome, "at": at}),
        "received_at": received_at,
        "client": client,
        "service": service,
        "card": entry.card[:_LONGEST_ID],
        "decision": decision,
        "outcome": entry.outcome,
        "at": at,
        "reasons": json_text([_reason(reason) for reason in entry.reasons]),
        "suggestions": json_text([id_[:_LONGEST_ID] for id_ in entry.accepted_suggestions[:_MOST_SUGGESTIONS]]),
        "comment": entry.comment[:_LONGEST_COMMENT] if entry.comment else None,
    }


def _reason(reason: Reason) -> dict[str, str]:
    told = {"code": reason.code, "system": reason.system, "display": reason.display}
    return {name: text[:_LONGEST_NAME] for name, text in told.items() if text}


def _says_submitted(reasons: str) -> bool:
    """Whether one of the reasons is the coded one of our cards; a system that is not ours means something else."""
    told = msgspec.json.decode(reasons)
    return any(r["code"] == ALREADY_SUBMITTED and r.get("system", REASON_SYSTEM) == REASON_SYSTEM for r in told)


def _submitted(row: Any, zone: tzinfo) -> Submitted:
    return Submitted(
        order=row["order_reference"],
        product=row["product"],
        policy_id=row["policy"],
        gaps=tuple(row["gaps"].split()),
        on=datetime.fromisoformat(row["at"]).astimezone(zone).date(),
    )
