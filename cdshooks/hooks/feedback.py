"""Reading what a clinician did with our cards, as EHRs really send it: batches, repeats and three spellings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from cdshooks.engine.identity import listed
from cdshooks.hooks import json_body
from cdshooks.hooks.errors import RequestError

MAX_ENTRIES = 1000

Outcome = Literal["accepted", "overridden"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A coded reason to override, as an EHR sends it back: `display` is often left out."""

    code: str
    system: str | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class FeedbackEntry:
    """What happened to one card; the card may be one that nobody here remembers.

    `timestamp` is in UTC. A comment is a clinician's free text and may name a patient.
    """

    card: str
    outcome: Outcome
    accepted_suggestions: tuple[str, ...]
    reasons: tuple[Reason, ...]
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
    overrides = [_object(override, f"{where}.overrideReason") for override in _overrides(entry)]
    reasons = [reason for override in overrides for reason in _reasons(override, f"{where}.overrideReason")]
    comments = [_text(override, "userComment", f"{where}.overrideReason") for override in overrides]
    return FeedbackEntry(
        card=_required(entry, "card", where),
        outcome=_outcome(entry, where),
        accepted_suggestions=_accepted(entry.get("acceptedSuggestions") or [], f"{where}.acceptedSuggestions"),
        reasons=tuple(dict.fromkeys(reasons)),
        comment="\n".join(comment for comment in comments if comment) or None,
        timestamp=_timestamp(_required(entry, "outcomeTimestamp", where), f"{where}.outcomeTimestamp"),
    )


def _overrides(entry: Mapping[str, Any]) -> list[Any]:
    """The override reasons under the first of the names that EHRs use: the standard's, its plural, or bare."""
    named = (entry.get(name) for name in ("overrideReason", "overrideReasons", "reason"))
    return [override for override in listed(next((found for found in named if found), None)) if override]


def _reasons(override: Mapping[str, Any], where: str) -> Iterator[Reason]:
    """The Codings of an override: under `reason`, in its extensions, or the override itself is one."""
    if override.get("reason"):
        sent = [_object(reason, f"{where}.reason") for reason in listed(override["reason"])]
    else:
        sent = [override, *_in_extension(override.get("extension"))]
    for reason in sent:
        code = _text(reason, "code", f"{where}.reason")
        if code:
            named = (_text(reason, name, f"{where}.reason") for name in ("system", "display"))
            yield Reason(code, *named)


def _in_extension(extension: object) -> list[Mapping[str, Any]]:
    """The objects of an extension that look like a Coding, whatever it is called."""
    found = extension.values() if isinstance(extension, dict) else ()
    return [item for some in found for item in listed(some) if isinstance(item, dict) and "code" in item]


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
