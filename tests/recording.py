"""Calls, answers and feedback to be recorded, each in one line of a test."""

from datetime import UTC, datetime

from parts import AS_OF, request_of

from cdshooks.hooks.decision_record import decisions_of
from cdshooks.hooks.feedback import FeedbackEntry, Reason
from cdshooks.hooks.service import ServiceOptions, answer
from cdshooks.server.decision_log import CallRecord, keep_call

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPTIONS = ServiceOptions()
PATIENT = "0" * 64
SUBMITTED = Reason("already-submitted", "urn:org.cdshooks:override-reason")


def decided(library, *orders, options=OPTIONS, **fields):
    """A request and its decisions, as of the day of the tests."""
    request = request_of(*orders, **fields)
    return request, decisions_of(answer(request, library, AS_OF, options), request, options)


def call_of(id_="call-1", at=NOW, client="demo", **fields):
    return CallRecord(f"request of {id_}", at, client, id=id_, **fields)


def keep(store, library, *orders, call=None, patient=PATIENT, **fields):
    """Record one call; its decisions."""
    request, decisions = decided(library, *orders, **fields)
    with store.writing("record") as connection:
        keep_call(connection, call or call_of(), request, decisions, patient)
    return decisions


def feedback_of(card, outcome="overridden", at=NOW, **fields):
    made = {"accepted_suggestions": (), "reasons": (), "comment": None}
    return FeedbackEntry(card=card, outcome=outcome, timestamp=at, **made | fields)
