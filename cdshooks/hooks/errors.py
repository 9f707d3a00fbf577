"""The one error of the wire formats, how it is written for a caller, and the place of an error of our own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from traceback import walk_tb
from typing import Any


class RequestError(Exception):
    """A call that cannot be answered as asked.

    `status` is the HTTP status and `code` a FHIR issue type; `message` says what is wrong and `expression`
    where, FHIRPath-like. Neither ever quotes the body.
    """

    def __init__(self, status: int, code: str, message: str, expression: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.expression = expression


def issue(severity: str, code: str, text: str, expression: str | None = None) -> dict[str, Any]:
    """One issue of an OperationOutcome; `text` and `expression` never quote a chart."""
    where = {"expression": [expression]} if expression else {}
    return {"severity": severity, "code": code, "details": {"text": text}, **where}


def outcome_of(issues: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The FHIR R4 OperationOutcome of issues."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def operation_outcome(code: str, message: str, expression: str | None = None) -> dict[str, Any]:
    """The FHIR R4 OperationOutcome that tells a caller what went wrong."""
    return outcome_of([issue("error", code, message, expression)])


def place_of(error: BaseException) -> str:
    """The type of a failure and the place where it last passed our own code; its text may quote a chart."""
    frames = list(walk_tb(error.__traceback__))
    ours = [found for found in frames if found[0].f_globals.get("__name__", "").startswith("cdshooks.")] or frames
    place = "".join(f" at {frame.f_code.co_filename.rsplit('/', 1)[-1]}:{line}" for frame, line in ours[-1:])
    return f"{type(error).__name__}{place}"
