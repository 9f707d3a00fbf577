"""What goes over the wire: JSON answers, refusals as OperationOutcome, and reading a posted body."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from cdshooks.hooks.errors import RequestError, operation_outcome, place_of
from cdshooks.server import call_log
from cdshooks.server.calls import current_call

MAX_BODY_BYTES = 20 * 1024 * 1024
FHIR_JSON = "application/fhir+json"
JSON_TYPES = ("application/json", FHIR_JSON, "application/json+fhir")

_SENTENCES = {
    400: ("invalid", "the call cannot be read"),
    404: ("not-found", "there is nothing at this address; GET /cds-services lists the services"),
    405: ("not-supported", "this address does not answer that method"),
    415: ("not-supported", "the body is of a type that is not read here"),
}


_COME_AGAIN = {429: "1", 503: "2"}
"""After how many seconds a call that was not let in may come again."""


def json_reply(body: Any, status: int = 200) -> Response:
    """An answer in JSON, UTF-8."""
    return Response(msgspec.json.encode(body), status, content_type="application/json")


def unauthorized() -> Response:
    """The one answer to every caller that is not let in: it tells no reason and has no body.

    What the caller sends is not read: whoever is a stranger could keep us waiting for it.
    """
    reply = Response(status=401, headers={"WWW-Authenticate": "Bearer"})
    reply.headers.remove("Content-Type")
    return reply


def posted_json(most: int = MAX_BODY_BYTES) -> bytes:
    """The body of the current call, still undecoded.

    Raises RequestError (415) unless it is plain JSON in UTF-8, and RequestEntityTooLarge beyond `most` bytes.
    """
    request.max_content_length = most + 1  # what is larger is told apart from what is as large
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise RequestError(415, "not-supported", "a body with a Content-Encoding is not read; send it as it is")
    if request.mimetype not in JSON_TYPES:
        raise RequestError(415, "not-supported", "the Content-Type is not application/json")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise RequestError(415, "not-supported", "the charset is not UTF-8")
    body = request.get_data(cache=False)
    # The stream's limit lies one byte higher: a body without a Content-Length is silently cut there.
    if len(body) > most:
        raise RequestEntityTooLarge
    if request.content_length not in (None, len(body)):
        raise RequestError(400, "structure", "the body is not as long as its Content-Length says")
    return body


def answer_errors(app: Flask) -> None:
    """Make every refusal and failure of the app an OperationOutcome that holds nothing of the call."""
    app.register_error_handler(RequestError, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failed)


def _refused(error: RequestError) -> Response:
    reply = _outcome_reply(error.status, error.code, error.message, error.expression)
    if error.status in _COME_AGAIN:
        reply.headers["Retry-After"] = _COME_AGAIN[error.status]
    return reply


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code, sentence = _SENTENCES.get(status, ("processing", "the call cannot be answered"))
    if isinstance(error, RequestEntityTooLarge):
        code, sentence = "too-long", f"the body is larger than {_most()}"
    reply = _outcome_reply(status, code, sentence)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        reply.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return reply


def _most() -> str:
    """How large a body may be at this address, in words."""
    most = request.max_content_length or MAX_BODY_BYTES
    return f"{most // 1024 // 1024} MiB" if most > 1024 * 1024 else f"{most // 1000} kB"


def _failed(error: Exception) -> Response:
    call_log.failure(place_of(error))
    return _outcome_reply(500, "exception", f"internal error, request id {current_call().request_id}")


def _outcome_reply(status: int, code: str, says: str, expression: str | None = None) -> Response:
    """The refusal of the current call, whose code is noted for the log."""
    current_call().issue = code
    return json_reply(operation_outcome(code, says, expression), status)
