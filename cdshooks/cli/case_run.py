"""Running one case: edit its story's request, answer it, and compare. Pure: no clock, no network."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from functools import cache, partial
from pathlib import Path
from typing import Any

from cdshooks.cli import edits
from cdshooks.cli.appeal_cases import appeal_mismatches, deny
from cdshooks.cli.cases import APPEAL_EDITS, APPEALS, Case
from cdshooks.cli.expectations import Mismatch, mismatches
from cdshooks.cli.request_path import EditError
from cdshooks.engine.library import Library, LibraryError
from cdshooks.engine.model import Outcome
from cdshooks.engine.source import Place
from cdshooks.hooks.discovery import HOOKS, service_of
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.orders import Payload, recognise_orders
from cdshooks.hooks.request import Request, read_request
from cdshooks.hooks.service import Answer, Determined, answer


@dataclass(frozen=True)
class Ran:
    """What came of a case: where it differs from what is expected, and the determination looked at."""

    case: Case
    mismatches: tuple[Mismatch, ...]
    determined: Determined | None

    @property
    def reached(self) -> Iterator[tuple[str, Outcome]]:
        """Each criterion of the policy with the outcome that this case gave it."""
        findings = self.determined.determination.findings if self.determined else ()
        return ((finding.criterion, finding.outcome) for finding in findings)


def run_case(case: Case, library: Library) -> Ran:
    """Run a case; LibraryError with file and line when its edits cannot be made."""
    request = edited_request(case, library)
    answered = answer(request, library, case.as_of)
    determined = _determination(case, answered)
    found = [*mismatches(case.expect, answered, determined)]
    found += appeal_mismatches(case.expect, answered) if case.policy == APPEALS else []
    return Ran(case, tuple(found), determined)


def edited_request(case: Case, library: Library) -> Request:
    """The request of a case; LibraryError when an edit cannot be made or leaves no request."""
    body = copy.deepcopy(_story_body(case.story.request))
    for place, edit in _edits(case, library):
        try:
            edit(body)
        except EditError as error:
            raise LibraryError([case.problem(place, str(error))]) from error
    return _read(case, body)


def _edits(case: Case, library: Library) -> Iterator[tuple[Place, Callable[[dict[str, Any]], None]]]:
    """Every edit of a case in the order in which they are made, with its place in the case."""
    row = case.edits
    for key in APPEAL_EDITS:
        if key in row:
            yield (key,), partial(deny, key=key, value=row[key])
    for key, state in row.get("prefetch", {}).items():
        yield ("prefetch", key), partial(edits.apply_state, key=key, state=state)
    for index, target in enumerate(row.get("drop", [])):
        yield ("drop", index), partial(edits.drop, target=target)
    for index, resource in enumerate(row.get("add", [])):
        yield ("add", index), partial(edits.add, resource=resource)
    for index, resource in enumerate(row.get("add_orders", [])):
        yield ("add_orders", index), partial(edits.add_order, resource=resource)
    if "service_date" in row:
        yield ("service_date",), partial(_put_service_date, case, library)
    for target, value in row.get("set", {}).items():
        yield ("set", target), partial(edits.put, target=target, value=value)


def _put_service_date(case: Case, library: Library, body: dict[str, Any]) -> None:
    """Give the case's day to the order that it names, or to the first CAR-T order."""
    request = _read(case, body)
    orders = recognise_orders(request.draft_orders, library, case.as_of, UTC, Payload.of(request))
    wanted = case.edits.get("order")
    order = next((order for order in orders if wanted in (None, order.reference)), None)
    if order is None:
        raise EditError(f"there is no CAR-T order {wanted} to give this day" if wanted else "there is no CAR-T order")
    edits.put_service_date(body, order.reference, order.service_date_source, case.edits["service_date"])


@cache
def _story_body(path: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return body


def _read(case: Case, body: dict[str, Any]) -> Request:
    try:
        service_id = service_of(body.get("hook"))
        return read_request(json.dumps(body).encode(), service_id, HOOKS[service_id])
    except RequestError as error:
        raise LibraryError([case.problem((), f"after its edits this is no request: {error.message}")]) from error


def _determination(case: Case, answered: Answer) -> Determined | None:
    """The determination under the case's policy, of the order it names or of the first."""
    wanted = case.edits.get("order")
    return next(
        (
            determined
            for determined in answered.determinations
            if determined.policy_id == case.policy and wanted in (None, determined.order.reference)
        ),
        None,
    )
