"""Questionnaire/$questionnaire-package: the Questionnaires that are named, or that a call's context leads to.

A response comes with the answers of the dossier where the context is of the caller's own call, and the order and the
coverage that it sends are that call's patient's; to everybody else without any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from cdshooks.engine.policy import Policy
from cdshooks.hooks.decision_id import NAMESPACE
from cdshooks.hooks.dossier import policy_of
from cdshooks.hooks.errors import RequestError, issue
from cdshooks.hooks.questionnaire import (
    canonical,
    current,
    ids_on_file,
    policies_named,
    questionnaire_id,
    questionnaire_of,
)
from cdshooks.hooks.questionnaire_package import PackageRequest, package, patient_ids
from cdshooks.hooks.questionnaire_response import Form, blank_response, prefilled_response
from cdshooks.server.dossier_links import Ticket
from cdshooks.server.dossiers import Kept
from cdshooks.server.recorder import Decided
from cdshooks.server.site import Site

RESPONSE = "/QuestionnaireResponse"
_CONTEXT, _NAMED = "Parameters.parameter.where(name='context')", "Parameters.parameter.where(name='questionnaire')"


@dataclass
class Packing:
    """One call of the operation: what was asked by whom, and what there is to say of it."""

    site: Site
    asked: PackageRequest
    client: str
    told: list[dict[str, Any]] = field(default_factory=list)

    def package(self) -> dict[str, Any]:
        """The answer. Raises RequestError (404) where nothing that was asked for is on file."""
        decided = self._decided()
        policies = {questionnaire_id(policy): policy for policy in (*self._named(), *self._decided_on(decided))}
        if not policies:
            raise RequestError(404, "not-found", self._nothing())
        kept = self._kept(decided)
        return package([self._contents(policy, kept) for policy in policies.values()], self.told)

    def _tell(self, severity: str, code: str, text: str, where: str = _CONTEXT) -> None:
        self.told.append(issue(severity, code, text, where))

    def _nothing(self) -> str:
        served = ids_on_file(self.site.library)
        said = "; ".join(one["details"]["text"] for one in self.told)
        return (
            f"no Questionnaire was found: {said}. Those on file, at {self.site.base_url()}/Questionnaire, are {served}"
        )

    def _named(self) -> Iterator[Policy]:
        """The versions of the canonicals: the named one, else the one in force today, else the newest."""
        base, library = self.site.base_url(), self.site.library
        for number, named in enumerate(self.asked.questionnaires, 1):
            url, _, version = named.partition("|")
            found = policies_named(library, base, url, version)
            if not found:
                self._tell("warning", "not-found", f"questionnaire {number} of the call is not on file", _NAMED)
                continue
            yield found[-1] if version else current(found, library, self.site.today())

    def _decided(self) -> Decided | None:
        """The decision of the context, if it is one of the caller's."""
        if not self.asked.context:
            return None
        decision, recorder = self.asked.decision, self.site.recorder
        ids = patient_ids(self.asked.subjects)
        decided = recorder.decided(self.client, decision, ids) if decision else None
        if decided is None:
            self._tell("warning", "not-found", "the context is no coverage-assertion-id of this caller")
        return decided

    def _decided_on(self, decided: Decided | None) -> Iterator[Policy]:
        """The policy version of a decision."""
        if decided is None:
            return
        if found := policy_of(decided.content, self.site.library):
            yield found
        else:
            self._tell("warning", "not-found", "no Questionnaire belongs to the policy of the context")

    def _kept(self, decided: Decided | None) -> tuple[Ticket, Kept] | None:
        """The dossier that may be shown to who asks for it."""
        if decided is None:
            return None
        order = decided.content.get("order")
        if not decided.same_patient:
            self._tell("warning", "security", "not prefilled: coverage and order are not of the patient of the context")
        elif self.asked.orders and order not in self.asked.about:
            self._tell("warning", "business-rule", "not prefilled: the order is not the one of the context")
        else:
            found = self.site.dossiers.of_decision(self.asked.decision, self.client, self.site.today())
            if found is None:
                self._tell("information", "not-found", "not prefilled: the dossier of the context is not kept")
            return found
        return None

    def _contents(self, policy: Policy, kept: tuple[Ticket, Kept] | None) -> tuple[dict[str, Any], dict[str, Any]]:
        base = self.site.base_url()
        questionnaire = questionnaire_of(policy, base, self.site.library.wording)
        form = Form.of(kept[1].content, self.site.library, base) if kept else None
        if kept and form and form.policy is policy:
            return questionnaire, self._prefilled(*kept, form)
        named = canonical(base, policy.id, policy.version)
        about = self.asked.about
        number = uuid5(NAMESPACE, "|".join((self.client, named, *about)))
        return questionnaire, {"id": str(number), **blank_response(named, self._subject(), about)}

    def _prefilled(self, ticket: Ticket, kept: Kept, form: Form) -> dict[str, Any]:
        address = f"{self.site.base_url()}{self.site.dossiers.address(ticket)}{RESPONSE}"
        self._tell("information", "informational", f"post the completed response to {address}")
        number = uuid5(UUID(kept.id), "response")
        made = (kept.content, kept.attested, form, kept.made_at, self._subject(), self.asked.about)
        return {"id": str(number), **prefilled_response(*made)}

    def _subject(self) -> Mapping[str, Any] | None:
        return next(iter(self.asked.subjects), None)
