"""The current call, as an operator may see it: what was asked of which service, what came of it, how long it took.

Nothing that a caller wrote gets in, save a request id that can hold no words.
"""

from __future__ import annotations

import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Flask, Response, g, request

from cdshooks.hooks.determination_json import KEY
from cdshooks.hooks.fhir_version import is_stu3
from cdshooks.hooks.request import Request

NOT_TOLD = "-"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SAFE_ID = re.compile(r"[0-9a-f]{16,64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MISMATCH = "mismatch"
_WITH_ORDERS = ("order-sign", "order-select")


@dataclass
class Call:
    """One call of any route; routes add what they learn of it.

    `client` is the name of a registered caller, `outcome` one word, `products` the CAR-T products of its cards,
    `fetches` how often a FHIR server was asked by result, `feedback` how many cards by what became of them,
    `decisions` how many were recorded and how many lost. `token_use` is used, not-used or rejected, `issue`
    the code of the OperationOutcome with which it was refused.
    """

    request_id: str
    method: str
    route: str
    began: float
    status: int = 0
    seconds: float = 0.0
    service: str = NOT_TOLD
    hook: str = NOT_TOLD
    client: str = NOT_TOLD
    outcome: str = ""
    cards: int = 0
    products: tuple[str, ...] = ()
    stripped: bool = False
    failed: bool = False
    fetches: Counter[str] = field(default_factory=Counter)
    feedback: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    token_use: str = ""
    issue: str = ""

    def answered(self, asked: Request, body: Mapping[str, Any], failure: str | None) -> None:
        """Take note of what a service answered, and why there is no card if there is none."""
        cards = body.get("cards", [])
        self.cards = len(cards)
        self.products = tuple(sorted(product for card in cards if (product := _determination(card).get("product"))))
        self.failed = failure is not None
        self.stripped = asked.hook in _WITH_ORDERS and not asked.draft_orders
        self.outcome = self._outcome(asked, cards)

    def _outcome(self, asked: Request, cards: list[Mapping[str, Any]]) -> str:
        if self.failed:
            return "failure"
        if not cards:
            return "stripped" if self.stripped else "stu3" if is_stu3(asked) else "no-card"
        topic = cards[0].get("source", {}).get("topic", {}).get("code", "")
        return _MISMATCH if topic.startswith(_MISMATCH) else str(_determination(cards[0]).get("outcome", "card"))


def _determination(card: Mapping[str, Any]) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", card.get("extension", {}).get(KEY, {}))


Observer = Callable[[Call], None]


def current_call() -> Call:
    """The call that is being answered."""
    return cast(Call, g.call)


def watch_calls(app: Flask, observers: Iterable[Observer]) -> None:
    """Give every call of the app an id, which is also sent back, and show it to each observer when it has ended."""
    watching = tuple(observers)

    def end(reply: Response) -> Response:
        call = current_call()
        call.status = reply.status_code
        call.seconds = time.perf_counter() - call.began
        call.outcome = call.outcome or _outcome_of(reply.status_code)
        reply.headers["X-Request-Id"] = call.request_id
        for observe in watching:
            observe(call)
        return reply

    app.before_request(_begin)
    app.after_request(end)


def _begin() -> None:
    g.call = Call(
        request_id=_request_id(request.headers.get("X-Request-Id", "")),
        method=request.method if request.method in _METHODS else "other",
        route=request.url_rule.rule if request.url_rule else NOT_TOLD,
        began=time.perf_counter(),
    )


def _request_id(sent: str) -> str:
    """The caller's id if it is a UUID or 16 to 64 hexadecimal digits, else one of ours: words could name a person."""
    return sent.lower() if _SAFE_ID.fullmatch(sent) else uuid.uuid4().hex


def _outcome_of(status: int) -> str:
    if status >= 500:
        return "error"
    return "refused" if status >= 400 else "ok"
