"""What stands behind a card, for whoever does the work: the determination with its displays, and what it was held to.

Unlike the decision record this is chart text. It names sensitive records only apart, for a person who opens them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from cdshooks.engine.identity import listed
from cdshooks.engine.library import Library
from cdshooks.engine.model import Determination, Outcome, Resource
from cdshooks.engine.policy import Policy
from cdshooks.hooks.answered import Answer
from cdshooks.hooks.appeal_card import KEY as APPEAL
from cdshooks.hooks.determination_json import KEY
from cdshooks.hooks.text import clean

Dossier = Mapping[str, Any]
"""The content of one dossier as JSON."""


def dossiers_of(answered: Answer, library: Library) -> dict[str, dict[str, Any]]:
    """The dossier of each card that has findings or the days of an appeal, by the uuid of the card."""
    found = {made.card["uuid"]: made.determination for made in answered.determinations}
    person = _person(answered.patient)
    made = ((card["uuid"], _dossier(card, found.get(card["uuid"]), library)) for card in answered.body["cards"])
    return {uuid: {**dossier, **person} for uuid, dossier in made if _is_of_use(dossier)}


def _is_of_use(dossier: Dossier) -> bool:
    return bool(dossier["determination"]["findings"]) or "appeal" in dossier


def _dossier(card: Mapping[str, Any], found: Determination | None, library: Library) -> dict[str, Any]:
    appeal = card["extension"].get(APPEAL)
    determination = appeal["held"] if appeal and "held" in appeal else card["extension"][KEY]
    policy = policy_of(determination, library)
    product = library.products.by_id.get(determination.get("product", (appeal or {}).get("product", "")))
    return {
        "summary": card["summary"],
        "product": product.brand if product else "",
        "determination": determination,
        "labels": {criterion.id: criterion.label for criterion in policy.criteria} if policy else {},
        **({"says": _says(policy, determination)} if policy else {}),
        **({"policy": _policy_json(policy, determination)} if policy else {}),
        **(_appeal(appeal, library) if appeal else {}),
        **({"sensitive": sensitive} if (sensitive := _sensitive(found)) else {}),
    }


def _appeal(appeal: Mapping[str, Any], library: Library) -> dict[str, Any]:
    """The clock of a denial, and what its types of plan are called."""
    told = {plan["id"] for plan in appeal["planTypes"]}
    labels = {plan.id: plan.label for plan in library.plan_types if plan.id in told}
    return {"appeal": {key: value for key, value in appeal.items() if key != "held"}, "planTypes": labels}


def policy_of(determination: Mapping[str, Any], library: Library) -> Policy | None:
    """The policy version that a determination was held to; None where it is not on file, or no more."""
    named = determination.get("policy", {})
    return next((p for p in library.versions(named.get("id", "")) if p.version == named.get("version")), None)


def _policy_json(policy: Policy, determination: Mapping[str, Any]) -> dict[str, str]:
    told = {
        "title": policy.title,
        "short": policy.short,
        "reference": policy.reference_number or policy.title,
        "publisher": policy.publisher,
        "url": policy.url,
        "startBasis": policy.start_basis,
        "controlledBy": policy.controlled_by,
        "says": _standing(policy, determination),
    }
    return {key: text for key, text in told.items() if text}


def _says(policy: Policy, determination: Mapping[str, Any]) -> dict[str, str]:
    """What the criteria say that a person must speak to."""
    asked = {f["criterion"] for f in determination["findings"] if f["outcome"] == Outcome.ATTEST}
    return {criterion.id: criterion.says for criterion in policy.criteria if criterion.id in asked}


def _standing(policy: Policy, determination: Mapping[str, Any]) -> str:
    standing = policy.standing(date.fromisoformat(determination.get("serviceDate", determination["asOf"])))
    return standing.says if standing else ""


def _sensitive(found: Determination | None) -> dict[str, list[dict[str, str]]]:
    """The records that are counted and not named, by criterion."""
    by_criterion: dict[str, list[dict[str, str]]] = {}
    for finding in found.findings if found else ():
        records = finding.explanation.evidence if finding.explanation else ()
        hidden = {item.reference: item for item in records if item.sensitive}
        for reference, item in hidden.items():
            told = {"reference": reference, "date": item.date or "", "display": clean(item.display)}
            by_criterion.setdefault(finding.criterion, []).append({k: v for k, v in told.items() if v})
    return by_criterion


def _person(patient: Resource | None) -> dict[str, Any]:
    """Initials and year of birth, as a packet for the payer may carry them."""
    if patient is None:
        return {}
    names = [name for name in listed(patient.get("name")) if isinstance(name, Mapping)]
    initials = "".join(f"{letter}." for letter in _letters(names[0] if names else {}))
    year = str(patient.get("birthDate", ""))[:4]
    told = {"initials": initials, "born": year if year.isdigit() and len(year) == 4 else ""}
    return {"patient": kept} if (kept := {key: text for key, text in told.items() if text}) else {}


def _letters(name: Mapping[str, Any]) -> Iterator[str]:
    for word in (*listed(name.get("given"))[:1], name.get("family")):
        if isinstance(word, str) and word.strip()[:1].isalpha():
            yield word.strip()[0].upper()
