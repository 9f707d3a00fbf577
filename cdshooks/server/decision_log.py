"""The decisions: each determination once, each call that it answered, and who called.

A decision is told apart by its id and its content: the same call, repeated, adds a call and no decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, bindparam, insert, select

from cdshooks.hooks.coverage_information import MARK
from cdshooks.hooks.decision_record import Decision, gaps_of
from cdshooks.hooks.request import Request
from cdshooks.server.ledger import Entry, append, call_sha256
from cdshooks.server.record_tables import (
    ANSWERS,
    CALLS,
    DECISIONS,
    FEEDBACK,
    METRICS,
    Row,
    json_text,
    row_sha256,
    stamp,
)

_SAME = select(DECISIONS.c.id, DECISIONS.c.content_sha256).where(DECISIONS.c.id.in_(bindparam("ids", expanding=True)))
_CRITERIA_ID = "criteria-id"
_TOKEN = re.compile(r"[\w.:+=/-]{1,200}")  # an id, and no sentence


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call as it is accounted for: its moment, the client's name, and whether its cards were held back.

    `request` is what the log calls it; a caller may use one twice, so the record has an `id` of its own.
    `fetched_sha256` is a hash of what was read from the EHR's server, where something was; `metrics` what was measured.
    """

    request: str
    at: datetime
    client: str
    shadow: bool = False
    rosters_version: int = 0
    fetched_sha256: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid4().hex)


def keep_call(
    connection: Connection, call: CallRecord, request: Request, decisions: Sequence[Decision], patient: str
) -> None:
    """Write a call, the decisions that are new, and their ledger entries, in a transaction that holds its lock.

    `patient` is the keyed hash of the patient.
    """
    at = stamp(call.at)
    rows = [_decision_row(decision, call, patient, at) for decision in decisions]
    known = _known(connection, [row["id"] for row in rows])
    new = [row for row in rows if (row["id"], row["content_sha256"]) not in known]
    answers = [_answer_row(call, decision, row) for decision, row in zip(decisions, rows, strict=True)]
    called = _call_row(call, request, patient, at)
    measured = [{"call": call.id, "content": json_text(call.metrics)}] if call.metrics else []
    for table, some in ((DECISIONS, new), (CALLS, [called]), (ANSWERS, answers), (METRICS, measured)):
        if some:
            connection.execute(insert(table), some)
    entries = [Entry("decision", row["id"], row_sha256(row)) for row in new]
    append(connection, at, [*entries, Entry("call", call.id, call_sha256(called, answers, *measured))])


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision as it is stored, with the calls that it answered and what clinicians made of its card."""

    row: Row
    content: Mapping[str, Any]
    calls: tuple[Mapping[str, Any], ...]
    feedback: tuple[Mapping[str, Any], ...]

    def json(self) -> dict[str, Any]:
        """The decision for an export; comments are free text and are left out."""
        row = {name: self.row[name] for name in ("id", "content_sha256", "made_at", "client", "patient", "card")}
        return {**row, "content": self.content, "calls": list(self.calls), "feedback": list(self.feedback)}


def kept_decisions(
    connection: Connection,
    *,
    ids: Iterable[str] = (),
    patients: Iterable[str] | None = None,
    since: str = "",
    policy: str | None = None,
) -> Iterator[Kept]:
    """Decisions, oldest first: those with these ids, of these patients (keyed hashes), made since, of a policy.

    An id may be the coverage-assertion-id that an order carries.
    """
    asked = select(DECISIONS).where(DECISIONS.c.made_at >= since)
    named = [id_.removeprefix(MARK) for id_ in ids]
    for column, values in ((DECISIONS.c.id, named or None), (DECISIONS.c.patient, patients)):
        if values is not None:
            asked = asked.where(column.in_(list(values)))
    if policy is not None:
        asked = asked.where(DECISIONS.c.policy == policy)
    ordered = asked.order_by(DECISIONS.c.made_at, DECISIONS.c.id, DECISIONS.c.content_sha256)
    for row in connection.execute(ordered).mappings().all():
        yield Kept(row, msgspec.json.decode(row["content"]), _calls_of(connection, row), _feedback_of(connection, row))


def clients_of(connection: Connection) -> list[str]:
    """The name of every client whose calls are on record."""
    return sorted(connection.execute(select(CALLS.c.client).distinct()).scalars())


def _decision_row(decision: Decision, call: CallRecord, patient: str, at: str) -> dict[str, Any]:
    content = {**decision.content, "client": call.client, "patient": patient}
    return {
        "id": decision.id,
        "content_sha256": row_sha256(content),
        "made_at": at,
        "client": call.client,
        "patient": patient,
        "card": decision.card,
        "order_reference": content.get("order", ""),
        "product": content.get("product", ""),
        "policy": content.get("policy", {}).get("id", ""),
        "gaps": " ".join(gaps_of(content)),
        "content": json_text(content),
    }


def _known(connection: Connection, ids: list[str]) -> set[tuple[str, str]]:
    return {(row.id, row.content_sha256) for row in connection.execute(_SAME, {"ids": ids})}


def _call_row(call: CallRecord, request: Request, patient: str, at: str) -> dict[str, Any]:
    return {
        "id": call.id,
        "request": call.request,
        "at": at,
        "client": call.client,
        "shadow": call.shadow,
        "service": request.service_id,
        "hook": request.hook,
        "hook_instance": _token(request.hook_instance),
        "criteria_id": _token(_criteria_id(request.extension)),
        "user_reference": _token(request.user_id),
        "patient": patient,
        "request_sha256": request.body_sha256,
        "fetched_sha256": call.fetched_sha256,
        "rosters_version": call.rosters_version,
    }


def _answer_row(call: CallRecord, decision: Decision, row: Row) -> dict[str, Any]:
    shown = decision.shown and not call.shadow
    return {"call": call.id, "decision": decision.id, "content_sha256": row["content_sha256"], "shown": shown}


def _criteria_id(extension: Mapping[str, Any]) -> object:
    """The id of the rule by which the EHR called, whatever vendor's name stands before it: sites look for it."""
    return next((value for name, value in extension.items() if name.rpartition(".")[2] == _CRITERIA_ID), None)


def _token(text: object) -> str | None:
    """The text, if it can only be an id; free text from outside is not kept."""
    return text if isinstance(text, str) and _TOKEN.fullmatch(text) else None


def _calls_of(connection: Connection, row: Row) -> tuple[Mapping[str, Any], ...]:
    same = (ANSWERS.c.decision == row["id"]) & (ANSWERS.c.content_sha256 == row["content_sha256"])
    asked = select(CALLS, ANSWERS.c.shown, METRICS.c.content).join(ANSWERS, ANSWERS.c.call == CALLS.c.id)
    measured = asked.outerjoin(METRICS, METRICS.c.call == CALLS.c.id).where(same).order_by(CALLS.c.at, CALLS.c.id)
    return tuple(_told_call(found) for found in connection.execute(measured).mappings())


def _told_call(row: Row) -> dict[str, Any]:
    """A call with the hash of its answer, where that was kept."""
    measured = msgspec.json.decode(row["content"]) if row["content"] else {}
    call = {name: value for name, value in row.items() if name != "content"}
    return _told({**call, "answer_sha256": measured.get("answer_sha256")})


def _feedback_of(connection: Connection, row: Row) -> tuple[Mapping[str, Any], ...]:
    asked = select(FEEDBACK).where(FEEDBACK.c.decision == row["id"], FEEDBACK.c.client == row["client"])
    ordered = connection.execute(asked.order_by(FEEDBACK.c.at, FEEDBACK.c.id)).mappings()
    return tuple(feedback_json(found) for found in ordered)


def feedback_json(row: Row, *, comment: bool = False) -> dict[str, Any]:
    """A feedback entry for an export, its lists as lists; its comment only when asked for."""
    lists = {name: msgspec.json.decode(row[name]) for name in ("reasons", "suggestions")}
    told = _told({**row, **lists})
    return told if comment else {name: value for name, value in told.items() if name != "comment"}


def _told(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in (None, [])}
