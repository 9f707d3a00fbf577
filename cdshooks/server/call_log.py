"""One line per call: method, route, status, time and request id. Nothing that a caller wrote ever gets in."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence

from flask import Flask, Response, g, request

log = logging.getLogger("cdshooks.calls")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def log_calls(app: Flask) -> None:
    """Give every call of the app an id, which is also sent back, and a line in the log."""
    app.before_request(_begin)
    app.after_request(_end)


def request_id() -> str:
    """The id of the current call."""
    return str(g.request_id)


def failure(what: str) -> None:
    """Log that our own code failed in the current call: the type of the exception, its file and line, no more."""
    log.error("internal error %s request=%s", what, request_id())


def feedback(outcomes: Sequence[str]) -> None:
    """Log how many cards of a feedback call were accepted and how many overridden."""
    accepted = sum(outcome == "accepted" for outcome in outcomes)
    log.info("feedback accepted=%d overridden=%d request=%s", accepted, len(outcomes) - accepted, request_id())


def _begin() -> None:
    g.request_id = uuid.uuid4().hex
    g.began = time.perf_counter()


def _end(reply: Response) -> Response:
    reply.headers["X-Request-Id"] = request_id()
    method = request.method if request.method in _METHODS else "other"
    route = request.url_rule.rule if request.url_rule else "-"
    milliseconds = (time.perf_counter() - g.began) * 1000
    log.info("%s %s %d %.1f ms request=%s", method, route, reply.status_code, milliseconds, request_id())
    return reply
