"""The pages of a dossier: to read, to print, to take along, to attest in.

No script, no cookie, nothing of a patient in an address.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from cdshooks.hooks import dossier_view
from cdshooks.hooks.dossier_csv import map_csv
from cdshooks.hooks.dossier_dates import scale_of
from cdshooks.hooks.dossier_fhir import dossier_bundle
from cdshooks.hooks.questionnaire_response import Form
from cdshooks.server.dossier_forms import FormProblem, attested, opened_by
from cdshooks.server.dossier_links import PATH, Ticket
from cdshooks.server.dossiers import Kept
from cdshooks.server.replies import FHIR_JSON, json_reply
from cdshooks.server.site import Site

_MAX_FORM_BYTES = 100_000


class _Gone(Exception):
    """There is no such dossier, or no more."""


def add_dossier_pages(app: Flask, site: Site) -> None:
    """Route the dossiers; where they are turned off every address is one of a dossier that is no more."""
    app.register_error_handler(_Gone, lambda _: _page("dossier_gone.html", 404))
    app.add_url_rule(f"{PATH}/<token>", "dossier", lambda token: _read(site, token))
    app.add_url_rule(f"{PATH}/<token>/packet", "packet", lambda token: _read(site, token, packet=True))
    _add_files(app, site)
    _add_forms(app, site)


def _read(site: Site, token: str, *, packet: bool = False, problem: FormProblem | None = None) -> Response:
    ticket, kept = _opened(site, token)
    dossier = kept.content
    if not kept.has_map:
        return _appeal(kept, site)
    return _page(
        "dossier.html",
        422 if problem else 200,
        kept=kept,
        dossier=dossier,
        made=dossier["determination"],
        view=dossier_view,
        tasks=dossier_view.tasks(dossier, site.library.wording),
        rows=dossier_view.rows(dossier),
        scale=scale_of(dossier),
        what_now=dossier_view.what_now(dossier, site.library.wording),
        wording=site.library.wording,
        nothing=site.library.wording.say("finding.person"),
        packet=packet,
        token=token,
        problem=problem,
        typed=request.form,
        form_ticket=site.dossiers.form(ticket, "attest"),
        notice=site.settings.notice,
    )


def _appeal(kept: Kept, site: Site) -> Response:
    """The page of a denial that was held against no policy, to read and to print."""
    dossier = kept.content
    return _page(
        "dossier_appeal.html",
        kept=kept,
        dossier=dossier,
        made=dossier["determination"],
        gather=site.library.wording.say("appeal.gather"),
        notice=site.settings.notice,
    )


def _add_files(app: Flask, site: Site) -> None:
    @app.get(f"{PATH}/<token>/map.csv")
    def dossier_csv(token: str) -> Response:
        _, kept = _found(site, token)
        return _file(map_csv(kept.content), "text/csv; charset=utf-8", "criteria-map.csv")

    @app.get(f"{PATH}/<token>/bundle.json")
    def dossier_fhir(token: str) -> Response:
        _, kept = _found(site, token)
        form = Form.of(kept.content, site.library, site.base_url())
        reply = json_reply(dossier_bundle(kept.content, kept.id, kept.made_at, form, kept.attested))
        return _file(reply.get_data(), FHIR_JSON, "dossier.fhir.json")


def _add_forms(app: Flask, site: Site) -> None:
    @app.post(f"{PATH}/<token>/attest")
    def attest(token: str) -> AnyResponse:
        ticket, kept = _posted(site, token, "attest")
        try:
            said = attested(request.form, kept.content)
        except FormProblem as problem:
            return _read(site, token, problem=problem)
        site.dossiers.add(ticket, said, site.now())
        return redirect(f"{url_for('dossier', token=token)}#said", 303)

    @app.get(f"{PATH}/<token>/sensitive")
    def sensitive(token: str) -> Response:
        ticket, kept = _found(site, token)
        return _sensitive(site, token, ticket, kept)

    @app.post(f"{PATH}/<token>/sensitive")
    def open_sensitive(token: str) -> Response:
        ticket, kept = _posted(site, token, "open")
        try:
            said = opened_by(request.form, kept.content)
        except FormProblem as problem:
            return _sensitive(site, token, ticket, kept, problem=problem)
        site.dossiers.add(ticket, [said], site.now())  # who cannot be recorded is shown nothing
        return _sensitive(site, token, ticket, kept, opened_by=said.name)


def _sensitive(
    site: Site, token: str, ticket: Ticket, kept: Kept, problem: FormProblem | None = None, opened_by: str = ""
) -> Response:
    return _page(
        "dossier_sensitive.html",
        422 if problem else 200,
        kept=kept,
        dossier=kept.content,
        view=dossier_view,
        token=token,
        problem=problem,
        opened_by=opened_by,
        records=list(_records(kept)) if opened_by else [],
        form_ticket=site.dossiers.form(ticket, "open"),
        notice=site.settings.notice,
    )


def _records(kept: Kept) -> Iterator[tuple[str, dict[str, str]]]:
    for criterion, records in kept.content.get("sensitive", {}).items():
        yield from ((dossier_view.label_of(kept.content, criterion), record) for record in records)


def _opened(site: Site, token: str) -> tuple[Ticket, Kept]:
    """The dossier of a link. Raises _Gone for a link that is not ours, is past its day, or leads to nothing."""
    found = site.dossiers.open(token, site.today())
    if found is None:
        raise _Gone
    return found


def _found(site: Site, token: str) -> tuple[Ticket, Kept]:
    """The dossier of a link, with its map. Raises _Gone where it has none."""
    ticket, kept = _opened(site, token)
    if not kept.has_map:
        raise _Gone
    return ticket, kept


def _posted(site: Site, token: str, purpose: Any) -> tuple[Ticket, Kept]:
    """The dossier that a form of ours was filled in for: its own ticket says so, which no other page can know."""
    request.max_content_length = _MAX_FORM_BYTES
    ticket, kept = _found(site, token)
    if site.dossiers.ticket(request.form.get("ticket", ""), purpose) != ticket:
        raise _Gone
    return ticket, kept


@cache
def _style() -> str:
    return (Path(__file__).with_name("templates") / "dossier.css").read_text("utf-8")


@cache
def _content_policy() -> str:
    digest = b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    own = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    return f"default-src 'none'; style-src 'sha256-{digest}'; {own}"


def _page(template: str, status: int = 200, **said: Any) -> Response:
    reply = Response(render_template(template, style=_style(), **said), status, content_type="text/html; charset=utf-8")
    reply.headers["Content-Security-Policy"] = _content_policy()
    reply.headers["X-Robots-Tag"] = "noindex"
    return reply


def _file(content: str | bytes, content_type: str, name: str) -> Response:
    reply = Response(content, content_type=content_type)
    reply.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return reply
