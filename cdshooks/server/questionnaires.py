"""The FHIR routes behind Da Vinci DTR: the Questionnaire of each policy, by its id, by its canonical, or all."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, request

from cdshooks.engine.policy import Policy
from cdshooks.hooks import json_body
from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.questionnaire import PATH, current, ids_on_file, policies_named, questionnaire_id, questionnaire_of
from cdshooks.hooks.questionnaire_package import OPERATION, read_package_request
from cdshooks.server.answering import recorded_name
from cdshooks.server.callers import caller
from cdshooks.server.dossier_links import PATH as DOSSIERS
from cdshooks.server.questionnaire_package import RESPONSE, Packing
from cdshooks.server.questionnaire_responses import opened, take_response
from cdshooks.server.replies import FHIR_JSON, json_reply, posted_json
from cdshooks.server.site import Site

_MOST_BYTES = 1_000_000


def add_questionnaires(app: Flask, site: Site) -> None:
    """Route the Questionnaires. Whatever these routes answer in JSON, refusals too, is of FHIR's own type."""
    routes = Blueprint("fhir", __name__)
    routes.after_request(_as_fhir)

    @routes.get(f"{PATH}/<id_>")
    def read_questionnaire(id_: str) -> Response:
        return json_reply(_questionnaire(site, _by_id(site, id_)))

    @routes.get(PATH)
    def search_questionnaires() -> Response:
        url, _, version = request.args.get("url", "").partition("|")
        version = request.args.get("version", version)
        found = policies_named(site.library, site.base_url(), url, version)
        return json_reply(_searchset(site, found))

    @routes.post(f"{PATH}/{OPERATION}")
    def questionnaire_package() -> Response:
        asked = read_package_request(json_body.decode(posted_json(_MOST_BYTES)))
        return json_reply(Packing(site, asked, recorded_name(caller())).package())

    @routes.post(f"{DOSSIERS}/<token>{RESPONSE}")
    def questionnaire_response(token: str) -> Response:
        ticket, kept = opened(site, token)  # a stranger's body is not read
        return json_reply(take_response(site, ticket, kept, json_body.decode(posted_json(_MOST_BYTES))))

    app.register_blueprint(routes)


def _as_fhir(reply: Response) -> Response:
    if reply.mimetype == "application/json":
        reply.content_type = FHIR_JSON
    return reply


def _questionnaire(site: Site, policy: Policy) -> dict[str, Any]:
    return questionnaire_of(policy, site.base_url(), site.library.wording)


def _by_id(site: Site, id_: str) -> Policy:
    """The version of that id, or the current one of a canonical that ends so. Raises RequestError (404)."""
    library, base = site.library, site.base_url()
    exact = [policy for policy in library.policies if questionnaire_id(policy) == id_]
    every = exact or policies_named(library, base, f"{base}{PATH}/{id_}")
    if not every:
        says = f"there is no Questionnaire of that id; those on file are {ids_on_file(library)}"
        raise RequestError(404, "not-found", says)
    return exact[0] if exact else current(every, library, site.today())


def _searchset(site: Site, policies: list[Policy]) -> dict[str, Any]:
    entries = [
        {
            "fullUrl": f"{site.base_url()}{PATH}/{questionnaire_id(policy)}",
            "resource": _questionnaire(site, policy),
            "search": {"mode": "match"},
        }
        for policy in policies
    ]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(entries),
        **({"entry": entries} if entries else {}),
    }
