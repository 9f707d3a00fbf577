"""Reading what a clinician did with our cards, as EHRs really send it: batches, repeats and two spellings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from cdshooks.hooks import json_body
from cdshooks.hooks.errors import RequestError

MAX_ENTRIES = 1000

Outcome = Literal["accepted", "overridden"]


@dataclass(frozen=True, slots=True, repr=False)
class FeedbackEntry:
    """What happened to one card; the card may be one that nobody here remembers.

    `timestamp` is in UTC. A comment is a clinician's free text and may name a patient.
    """

    card: str
    outcome: Outcome
    accepted_suggestions: tuple[str, ...]
    reason_code: str | None
    reason_system: str | None
    reason_display: str | None
    comment: str | None
    timestamp: datetime


def read_feedback(body: bytes) -> tuple[FeedbackEntry, ...]:
    """The entries of a feedback call, in the order sent.

    Raises RequestError (400) that names the entry and the field. Source: CDS Hooks 2.0.1, Feedback.
    """
    sent = json_body.decode(body)
    if not isinstance(sent, dict):
        raise RequestError(400, "structure", "the body is not a JSON object")
    entries = sent.get("feedback")
    if not isinstance(entries, list):
        raise _refusal("required" if entries is None else "structure", "feedback", "is not a list")
    if len(entries) > MAX_ENTRIES:
        raise _refusal("too-long", "feedback", f"has more than {MAX_ENTRIES} entries")
    return tuple(_entry(entry, f"feedback[{index}]") for index, entry in enumerate(entries))


def _entry(sent: object, where: str) -> FeedbackEntry:
    entry = _object(sent, where)
    override = _override(entry, where)
    reason = _object(override.get("reason") or {}, f"{where}.overrideReason.reason")
    return FeedbackEntry(
        card=_required(entry, "card", where),
        outcome=_outcome(entry, where),
        accepted_suggestions=_accepted(entry.get("acceptedSuggestions") or [], f"{where}.acceptedSuggestions"),
        reason_code=_text(reason, "code", f"{where}.overrideReason.reason"),
        reason_system=_text(reason, "system", f"{where}.overrideReason.reason"),
        reason_display=_text(reason, "display", f"{where}.overrideReason.reason"),
        comment=_text(override, "userComment", f"{where}.overrideReason"),
        timestamp=_timestamp(_required(entry, "outcomeTimestamp", where), f"{where}.outcomeTimestamp"),
    )


def _override(entry: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The override reason: standard spelling first, then the plural that one large EHR sends, alone or in a list."""
    sent = entry.get("overrideReason") or entry.get("overrideReasons") or {}
    if isinstance(sent, list):
        sent = sent[0]
    return _object(sent, f"{where}.overrideReason")


def _outcome(entry: Mapping[str, Any], where: str) -> Outcome:
    outcome = _required(entry, "outcome", where)
    if outcome not in ("accepted", "overridden"):
        raise _refusal("value", f"{where}.outcome", "is neither accepted nor overridden")
    return cast(Outcome, outcome)


def _accepted(sent: object, where: str) -> tuple[str, ...]:
    if not isinstance(sent, list):
        raise _refusal("structure", where, "is not a list")
    numbered = ((f"{where}[{index}]", suggestion) for index, suggestion in enumerate(sent))
    return tuple(_required(_object(suggestion, at), "id", at) for at, suggestion in numbered)


def _timestamp(text: str, where: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _refusal("value", where, "is not a date and time such as 2026-11-21T09:30:00Z") from None


def _required(entry: Mapping[str, Any], name: str, where: str) -> str:
    text = _text(entry, name, where)
    if not text:
        raise _refusal("required", f"{where}.{name}", "is missing or blank")
    return text


def _text(entry: Mapping[str, Any], name: str, where: str) -> str | None:
    found = entry.get(name)
    if found is not None and not isinstance(found, str):
        raise _refusal("value", f"{where}.{name}", "is not text")
    return found.strip() or None if found else None


def _object(sent: object, where: str) -> Mapping[str, Any]:
    if not isinstance(sent, dict):
        raise _refusal("structure", where, "is not an object")
    return sent


def _refusal(code: str, where: str, problem: str) -> RequestError:
    return RequestError(400, code, f"{where} {problem}", where)
