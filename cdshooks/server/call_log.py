"""The log: JSON lines of our own words, one for each call. Nothing that a caller wrote ever gets in."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from cdshooks.hooks.errors import place_of
from cdshooks.server.calls import NOT_TOLD, Call, current_call
from cdshooks.server.store import StoreError

log = logging.getLogger("cdshooks.calls")


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON; of an exception only its type and place, for its text may quote a chart."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["where"] = place_of(record.exc_info[1])
        return msgspec.json.encode(line).decode()


def log_call(call: Call, library: str) -> None:
    """Write the line of a call that has ended; what a route has nothing to say about is left out."""
    fields: dict[str, Any] = {
        "request": call.request_id,
        "method": call.method,
        "route": call.route,
        "status": call.status,
        "outcome": call.outcome,
        "ms": round(call.seconds * 1000, 1),
        "library": library,
    }
    if call.service != NOT_TOLD:
        fields |= {"service": call.service, "hook": call.hook, "client": call.client, "cards": call.cards}
        fields |= {name: value for name, value in (("token", call.token_use), ("issue", call.issue)) if value}
    told: dict[str, Any] = {"products": call.products}
    told |= {name: dict(getattr(call, name)) for name in ("fetches", "feedback", "decisions")}
    log.info("call", extra={"fields": fields | {key: value for key, value in told.items() if value}})


def failure(what: str) -> None:
    """Log that our own code failed in the current call: the type of the exception, its file and line, no more."""
    log.error("internal error", extra={"fields": {"request": current_call().request_id, "where": what}})


def unusable_options(codes: tuple[str, ...]) -> None:
    """Log which options of Da Vinci CRD a client set to something that cannot be; the codes are our own."""
    log.warning("options not obeyed", extra={"fields": {"request": current_call().request_id, "options": codes}})


def unauthorized(reason: str) -> None:
    """Log why a caller was refused, which it is not told: one of our own words, nothing that it wrote."""
    log.warning("caller refused", extra={"fields": {"request": current_call().request_id, "reason": reason}})


def store_down(error: StoreError) -> None:
    """Log that a call was refused because the store could not be used."""
    log.error("store down", extra={"fields": {"request": current_call().request_id, "says": str(error)}})
