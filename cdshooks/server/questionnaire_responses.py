"""A completed QuestionnaireResponse, posted under a dossier's own signed link: its answers are kept as attested.

Whoever may open the dossier may attest in it, as on its page; the link names the case, and the response its patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cdshooks.engine.wording import Wording
from cdshooks.hooks.dossier import Dossier
from cdshooks.hooks.dossier_view import label_of
from cdshooks.hooks.errors import RequestError, issue, outcome_of
from cdshooks.hooks.questionnaire import link_ids, questionnaire_of
from cdshooks.hooks.questionnaire_answers import check_response, read_answers
from cdshooks.hooks.questionnaire_package import patient_ids, references
from cdshooks.hooks.questionnaire_response import Form
from cdshooks.server.dossier_links import Ticket
from cdshooks.server.dossiers import Kept, Said
from cdshooks.server.site import Site

_SUBJECT = "QuestionnaireResponse.subject"


def opened(site: Site, token: str) -> tuple[Ticket, Kept]:
    """The dossier of a link. Raises RequestError (404, 503)."""
    found = site.dossiers.open(token, site.today())
    if found is None or not found[1].has_map:
        raise RequestError(404, "not-found", "this link opens no dossier, or no more")
    return found


def take_response(site: Site, ticket: Ticket, kept: Kept, body: Any) -> dict[str, Any]:
    """Keep what a response attests to; the OperationOutcome says of each answer what became of it.

    Raises RequestError: 400 and 422 for a response of which nothing is kept, 503.
    """
    response = check_response(body)
    form = Form.of(kept.content, site.library, site.base_url())
    if form.policy is None:
        raise RequestError(422, "business-rule", "the Questionnaire is no longer on file; use the dossier's page")
    _check_subject(site, kept, response)
    links = link_ids(questionnaire_of(form.policy, site.base_url(), form.wording))
    answers = read_answers(response, kept.content, kept.attested, form, links)
    said = [Said(one.kind, one.subject, one.name, one.words) for one in answers.statements]
    new = site.dossiers.add_once(ticket, said, site.now())
    told = [*_kept(said, new, kept.content, form.wording), *answers.told]
    return outcome_of(told or [issue("information", "informational", form.wording.say("dtr.nothing"))])


def _check_subject(site: Site, kept: Kept, response: Mapping[str, Any]) -> None:
    """Refuse a response that is of nobody or of somebody else."""
    ids = patient_ids(references([response.get("subject")]))
    decided = site.recorder.decided(kept.client, kept.content["determination"]["decision"], ids)
    if decided is None or not decided.same_patient:
        says = "the response is not of the patient of this dossier; nothing was kept"
        raise RequestError(422, "business-rule", says, _SUBJECT)


def _kept(said: Iterable[Said], new: list[Said], dossier: Dossier, wording: Wording) -> Iterator[dict[str, Any]]:
    for one in said:
        key = "dtr.kept" if one in new else "dtr.known"
        yield issue("information", "informational", wording.say(key, label=label_of(dossier, one.subject)))
