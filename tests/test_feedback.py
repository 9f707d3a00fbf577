"""Reading feedback: the standard's shape, what EHRs make of it, and what cannot be used."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.feedback import FeedbackEntry, Reason, read_feedback

ACCEPTED = {
    "card": "c1",
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "s1"}, {"id": "s2"}],
    "outcomeTimestamp": "2026-11-21T09:30:00Z",
}
OVERRIDDEN = {"card": "c2", "outcome": "overridden", "outcomeTimestamp": "2026-11-21T10:30:00+01:00"}
REASON = {"code": "already-submitted", "system": "https://example.org/reasons"}


def read(*entries: Any) -> tuple[FeedbackEntry, ...]:
    return read_feedback(json.dumps({"feedback": list(entries)}).encode())


def test_an_accepted_card_names_its_suggestions() -> None:
    (entry,) = read(ACCEPTED)
    assert (entry.card, entry.outcome, entry.accepted_suggestions) == ("c1", "accepted", ("s1", "s2"))
    assert entry.timestamp == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def test_a_timestamp_is_told_in_utc() -> None:
    (entry,) = read(OVERRIDDEN)
    assert entry.timestamp.isoformat() == "2026-11-21T09:30:00+00:00"
    assert entry.accepted_suggestions == ()


@pytest.mark.parametrize(
    "override",
    [
        {"overrideReason": {"reason": REASON, "userComment": "sent last week"}},
        {"overrideReasons": {"reason": REASON, "userComment": "sent last week"}},
        {"overrideReasons": [{"reason": REASON, "userComment": "sent last week"}, {}]},
        {"overrideReason": None, "overrideReasons": [{"reason": REASON, "userComment": "sent last week"}]},
        {"overrideReasons": [REASON, {"userComment": "sent last week"}]},
        {"reason": REASON | {"userComment": "sent last week"}},
        {"overrideReasons": {"extension": {"com.example.reason": REASON}, "userComment": "sent last week"}},
        {"overrideReasons": [{"reason": [REASON], "userComment": "sent last week"}, {"reason": REASON}]},
    ],
)
def test_an_override_reason_is_read_in_each_spelling_and_without_display(override: dict[str, Any]) -> None:
    (entry,) = read(OVERRIDDEN | override)
    assert entry.reasons == (Reason("already-submitted", "https://example.org/reasons"),)
    assert entry.comment == "sent last week"


@pytest.mark.parametrize("override", [{}, {"overrideReason": {}}, {"overrideReason": {"reason": None}}])
def test_an_override_may_come_without_a_reason(override: dict[str, Any]) -> None:
    (entry,) = read(OVERRIDDEN | override)
    assert (entry.reasons, entry.comment) == ((), None)


def test_several_reasons_and_comments_are_all_read() -> None:
    told = [
        {"reason": REASON, "userComment": "one"},
        {"reason": {"code": "other", "display": "Other"}},
        {"userComment": "two"},
    ]
    (entry,) = read(OVERRIDDEN | {"overrideReasons": told})
    assert entry.reasons == (Reason(REASON["code"], REASON["system"]), Reason("other", None, "Other"))
    assert entry.comment == "one\ntwo"


def test_a_batch_may_repeat_cards_and_name_unknown_ones() -> None:
    entries = read(*[ACCEPTED, OVERRIDDEN] * 500)
    assert len(entries) == 1000


def test_an_empty_batch_is_read() -> None:
    assert read() == ()


def test_unknown_fields_are_ignored() -> None:
    assert read(ACCEPTED | {"extension": {"x": 1}, "other": None})[0].card == "c1"


REFUSED = {
    "card missing": ({"card": None}, "feedback[1].card"),
    "card blank": ({"card": " "}, "feedback[1].card"),
    "card a number": ({"card": 1}, "feedback[1].card"),
    "outcome unknown": ({"outcome": "ignored"}, "feedback[1].outcome"),
    "outcome missing": ({"outcome": None}, "feedback[1].outcome"),
    "suggestions text": ({"acceptedSuggestions": "s1"}, "feedback[1].acceptedSuggestions"),
    "suggestion text": ({"acceptedSuggestions": ["s1"]}, "feedback[1].acceptedSuggestions[0]"),
    "suggestion without id": ({"acceptedSuggestions": [{"id": "a"}, {}]}, "feedback[1].acceptedSuggestions[1].id"),
    "reason text": ({"overrideReason": {"reason": "no"}}, "feedback[1].overrideReason.reason"),
    "reason code a number": ({"overrideReason": {"reason": {"code": 1}}}, "feedback[1].overrideReason.reason.code"),
    "comment a list": ({"overrideReason": {"userComment": [1]}}, "feedback[1].overrideReason.userComment"),
    "override text": ({"overrideReason": "no"}, "feedback[1].overrideReason"),
    "time missing": ({"outcomeTimestamp": None}, "feedback[1].outcomeTimestamp"),
    "time in words": ({"outcomeTimestamp": "yesterday"}, "feedback[1].outcomeTimestamp"),
    "time before time": ({"outcomeTimestamp": "0001-01-01T00:00:00+23:00"}, "feedback[1].outcomeTimestamp"),
}


@pytest.mark.parametrize(("change", "where"), REFUSED.values(), ids=REFUSED)
def test_an_unusable_entry_is_named_with_its_field(change: dict[str, Any], where: str) -> None:
    with pytest.raises(RequestError) as refusal:
        read(ACCEPTED, ACCEPTED | change)
    assert (refusal.value.status, refusal.value.expression) == (400, where)
    assert refusal.value.message.startswith(where)


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"feedback": null}', b'{"feedback": {}}', b"", b'{"feedback": [null]}']
)
def test_a_body_that_is_no_feedback_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as refusal:
        read_feedback(body)
    assert refusal.value.status == 400


def test_a_batch_beyond_a_thousand_is_refused() -> None:
    with pytest.raises(RequestError, match="more than 1000 entries"):
        read(*[ACCEPTED] * 1001)
