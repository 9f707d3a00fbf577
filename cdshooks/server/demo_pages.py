"""The demo EHR at /demo: a story's chart, its draft order, and the cards as an EHR's side panel shows them.

Plain forms and links, no script. A card is answered, recorded and fed back on as any EHR's is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from flask import Flask, Response, redirect, render_template, request, url_for
from markupsafe import Markup

from cdshooks.engine.model import Order
from cdshooks.hooks.cards import REASON_SYSTEM
from cdshooks.server.answering import answer_call, begin_call
from cdshooks.server.card_html import card_html, on_one_line
from cdshooks.server.cds_api import take_feedback
from cdshooks.server.demo_chart import banner, chart, day_of, words
from cdshooks.server.demo_request import DRAFTS, DemoRequest, demo_request, suggestion_id
from cdshooks.server.demo_visit import Visit, read_visit
from cdshooks.server.site import Site

_VERBS = {"order-select": "Select", "order-dispatch": "Dispatch", "patient-view": "Open the chart"}


@dataclass(frozen=True, slots=True)
class Button:
    """A suggestion as a button; `id` is "" for one that this EHR cannot carry out."""

    label: str
    uuid: str
    id: str
    description: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One card in the side panel."""

    card: Mapping[str, Any]
    detail: Markup
    buttons: tuple[Button, ...]
    links: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft order on the screen; `suggestion` is set for one that came from a card."""

    text: str
    kind: str
    day: str
    suggestion: str
    can_arrive: bool


def add_demo(app: Flask, site: Site) -> None:
    """Route the demo EHR; only for demo mode."""

    @app.get("/demo")
    def demo() -> str:
        visit = read_visit(request.args, site)
        return _page(visit, demo_request(visit, site), site)

    @app.post("/demo/feedback")
    def demo_feedback() -> Response:
        visit, form = read_visit(request.form, site), request.form
        accepted, suggestion = form.get("accepted", ""), form.get("suggestion", "")
        begin_call(site, form.get("service_id", ""))
        body = msgspec.json.encode({"feedback": [_entry(form, site.now().isoformat())]})
        take_feedback(site, form.get("service_id", ""), body, visit.client)
        if suggestion in site.library.suggestions and accepted:
            visit = visit.with_added(suggestion)
        elif not accepted:
            visit = visit.with_dismissed(form.get("card", ""))
        return _to(visit)


def _to(visit: Visit) -> Response:
    reply = redirect(url_for("demo", **visit.query(), _anchor="cards"), 303)
    return Response(status=303, headers={"Location": reply.location})


def _entry(form: Mapping[str, str], now: str) -> dict[str, Any]:
    """A feedback entry as EHRs send it. Source: CDS Hooks 2.0.1, Feedback."""
    entry: dict[str, Any] = {"card": form.get("card", ""), "outcomeTimestamp": now}
    if accepted := form.get("accepted"):
        return {**entry, "outcome": "accepted", "acceptedSuggestions": [{"id": accepted}]}
    said: dict[str, Any] = {"userComment": form["comment"]} if form.get("comment") else {}
    if code := form.get("reason"):
        said["reason"] = {"code": code, "system": REASON_SYSTEM}
    return {**entry, "outcome": "overridden", **({"overrideReason": said} if said else {})}


def _page(visit: Visit, call: DemoRequest, site: Site) -> str:
    answer: Mapping[str, Any] | None = None
    if visit.signed:
        begin_call(site, call.service_id)
        answer = answer_call(replace(site, arrived=call.rows), call.written(), name=visit.client)
    hook = call.body["hook"]
    return render_template(
        "demo.html",
        notice=site.settings.notice,
        visit=visit,
        call=call,
        verb=_VERBS.get(hook, "Sign"),
        hook=hook,
        stories=site.stories.values(),
        products=sorted(site.library.products.by_id.values(), key=lambda product: product.brand),
        has_drafts=bool(call.body["context"].get(DRAFTS)),
        banner=banner(call.body),
        chart=chart(call.body),
        drafts=[_draft(draft, call.order, visit, site) for draft in call.drafts],
        tasks=[(name, site.library.suggestions[name]["label"], name in site.arrivals) for name in _tasks(visit, call)],
        rems_days=_rems_days(site),
        service_day=_service_day(call.order),
        panels=[_panel(card, site) for card in answer["cards"]] if answer else None,
        sent=len(call.written()),
        answer=msgspec.json.format(msgspec.json.encode(answer), indent=1).decode() if answer else "",
        here=lambda changed: url_for("demo", **changed.query(), _anchor="cards"),
        moved=lambda day: replace(visit, service=day, signed=True, dismissed=()),
        signed=lambda: replace(visit, signed=True),
        arrived=visit.with_arrived,
    )


def _tasks(visit: Visit, call: DemoRequest) -> list[str]:
    """What was accepted and is no order among the drafts."""
    on_screen = {draft["id"] for draft in call.drafts}
    return [name for name in visit.added if f"added-{name}" not in on_screen]


def _service_day(order: Order | None) -> date | None:
    return order.service_date if order and order.service_date_source else None


def _draft(draft: Mapping[str, Any], order: Order | None, visit: Visit, site: Site) -> Draft:
    suggestion = str(draft["id"]).removeprefix("added-")
    added = suggestion in visit.added
    is_order = order is not None and str(draft["id"]) in order.reference
    day = order.service_date.isoformat() if is_order and order and order.service_date_source else day_of(draft)
    name = suggestion if added else ""
    return Draft(words(draft), draft["resourceType"], day, name, name in site.arrivals)


def _rems_days(site: Site) -> list[tuple[date, date]]:
    """The last day of each REMS that has ended, and the day after."""
    ended = (rems.span.end for p in site.library.products.by_id.values() if (rems := p.last_rems()))
    return [(end, end + timedelta(days=1)) for end in sorted({end for end in ended if end})]


def _panel(card: Mapping[str, Any], site: Site) -> Panel:
    buttons = tuple(
        Button(found["label"], found["uuid"], suggestion_id(found["label"], site), found["actions"][0]["description"])
        for found in card.get("suggestions", [])
    )
    links = tuple(link for link in card.get("links", []) if urlsplit(link["url"]).scheme in ("http", "https"))
    return Panel(card, on_one_line(card_html(card["detail"])), buttons, links)
