"""The tables of what is recorded: calls, what was measured of them, the decisions that answered them, and feedback.

Times are ISO 8601 in UTC with microseconds, so that they sort as text. A row is never changed; only a purge deletes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec
from sqlalchemy import Boolean, Column, Integer, MetaData, RowMapping, Table, Text

Row = Mapping[str, Any] | RowMapping

_TABLES = MetaData()

KEYS = Table("store_keys", _TABLES, Column("name", Text, primary_key=True), Column("value", Text))
DECISIONS = Table(
    "decisions",
    _TABLES,
    Column("id", Text, primary_key=True),
    Column("content_sha256", Text, primary_key=True),
    *(Column(name, Text) for name in ("made_at", "client", "patient", "card", "order_reference", "product", "policy")),
    *(Column(name, Text) for name in ("gaps", "content")),
)
CALLS = Table(
    "calls",
    _TABLES,
    Column("id", Text, primary_key=True),
    *(Column(name, Text) for name in ("request", "at", "client")),
    Column("shadow", Boolean),
    *(Column(name, Text) for name in ("service", "hook", "hook_instance", "criteria_id", "user_reference", "patient")),
    *(Column(name, Text) for name in ("request_sha256", "fetched_sha256")),
    Column("rosters_version", Integer),
)
ANSWERS = Table(
    "answers",
    _TABLES,
    Column("call", Text, primary_key=True),
    Column("decision", Text, primary_key=True),
    Column("content_sha256", Text),
    Column("shown", Boolean),
)
METRICS = Table("call_metrics", _TABLES, Column("call", Text, primary_key=True), Column("content", Text))
FEEDBACK = Table(
    "feedback",
    _TABLES,
    Column("id", Text, primary_key=True),
    *(Column(name, Text) for name in ("received_at", "client", "service", "card", "decision", "outcome", "at")),
    *(Column(name, Text) for name in ("reasons", "suggestions", "comment")),
)
LEDGER = Table(
    "ledger",
    _TABLES,
    Column("number", Integer, primary_key=True),
    *(Column(name, Text) for name in ("at", "kind", "entry", "content_sha256", "sha256")),
)


def stamp(moment: datetime) -> str:
    """A moment as it is stored."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def start_of(day: date | None) -> str:
    """The start of a day in UTC as it is stored; the beginning of all times for None."""
    return stamp(datetime.combine(day, time(), UTC)) if day else ""


def json_text(value: Any) -> str:
    """A value as JSON, the same text for the same value."""
    return msgspec.json.encode(value, order="sorted").decode()


def row_sha256(row: Row) -> str:
    """The SHA-256 of a row as JSON with sorted names."""
    return hashlib.sha256(json_text(dict(row)).encode()).hexdigest()
