"""What is kept of a determination: enough to account for it and to make it again, and no chart text.

References, dates, outcomes and hashes; never a display, a sentence that quotes the chart, a name or an id of a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from cdshooks import __version__
from cdshooks.engine.chart import Resolver
from cdshooks.engine.model import Determination
from cdshooks.hooks.answered import Answer, ServiceOptions
from cdshooks.hooks.determination_json import KEY
from cdshooks.hooks.request import Request
from cdshooks.hooks.submitted import SETTLED, Submitted

_OF_POLICY = ("id", "version", "status", "standing", "authority")
_COPIED = ("order", "product", "asOf", "serviceDate", "alreadySubmitted", "coverageInformation", "outcome")


@dataclass(frozen=True, slots=True)
class Decision:
    """One determination as it is kept: the id of its card, whether that card was in the answer, and its content.

    The content of one decision is the same however often the call is repeated.
    """

    id: str
    card: str
    shown: bool
    content: Mapping[str, Any]


def decisions_of(answered: Answer, request: Request, options: ServiceOptions) -> tuple[Decision, ...]:
    """Every determination of an answer, those whose card found no room too, and cards that could decide nothing."""
    shown = {card["uuid"] for card in answered.body["cards"]}
    cards = {card["uuid"]: card for card in (*(d.card for d in answered.determinations), *answered.body["cards"])}
    if not cards:
        return ()  # as for most calls, whose body need not be hashed
    site = {
        "service": request.service_id,
        "hook": request.hook,
        "request": request.body_sha256,
        "engine": __version__,
        "timezone": str(options.zone),
        **({"defaultFacility": options.default_facility} if options.default_facility else {}),
        **({"rosters": options.rosters_hash} if options.rosters_hash else {}),
        **({"fetched": answered.fetched_sha256} if answered.fetched_sha256 else {}),
        **({"failure": answered.failure} if answered.failure else {}),
        **({"side": options.side} if options.system_actions else {}),
    }
    return tuple(_decision(card, uuid in shown, site, answered.evidence_hashes) for uuid, card in cards.items())


def evidence_hashes(resources: Resolver, determinations: Iterable[Determination]) -> dict[str, str]:
    """The SHA-256 of each resource that a finding rests on, by reference: of its JSON, compact, keys sorted."""
    found = {e.reference for determination in determinations for f in determination.findings for e in f.evidence}
    resolved = ((reference, resources.resolve({"reference": reference})) for reference in sorted(found))
    return {reference: _sha256(resource) for reference, resource in resolved if resource is not None}


def gaps_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Every criterion of a kept determination that was not settled, with its outcome, sorted: ``hiv=stale``."""
    findings = content["findings"]
    return tuple(sorted(f"{f['criterion']}={f['outcome']}" for f in findings if f["outcome"] not in SETTLED))


def submitted_of(content: Mapping[str, Any]) -> Iterator[Submitted]:
    """What a kept determination was told of gaps overridden as already submitted, to make it again."""
    if "alreadySubmitted" in content:
        day = date.fromisoformat(content["alreadySubmitted"])
        yield Submitted(content["order"], content.get("product", ""), content["policy"]["id"], gaps_of(content), day)


def _decision(card: Mapping[str, Any], shown: bool, site: Mapping[str, Any], hashes: Mapping[str, str]) -> Decision:
    made = card["extension"][KEY]
    policy = {key: made["policy"][key] for key in _OF_POLICY if key in made.get("policy", {})}
    content = {
        "schema": 1,
        "decision": made["decision"],
        "library": made["library"],
        **site,
        **{key: made[key] for key in _COPIED if key in made},
        **({"policy": policy} if policy else {}),
        "indicator": card["indicator"],
        "findings": [_finding(finding, hashes) for finding in made["findings"]],
        **({"leftOut": made["leftOut"]} if "leftOut" in made else {}),
        **({"suggestions": [s["uuid"] for s in card["suggestions"]]} if "suggestions" in card else {}),
    }
    return Decision(made["decision"], card["uuid"], shown, content)


def _finding(finding: Mapping[str, Any], hashes: Mapping[str, str]) -> dict[str, Any]:
    kept = {key: finding[key] for key in ("criterion", "outcome", "cite", "countsUntil") if key in finding}
    evidence = [_hashed(item["reference"], hashes) for item in finding.get("evidence", [])]
    return {**kept, **({"evidence": evidence} if evidence else {})}


def _hashed(reference: str, hashes: Mapping[str, str]) -> dict[str, str]:
    return {"reference": reference, **({"sha256": hashes[reference]} if reference in hashes else {})}


def _sha256(resource: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(resource, order="sorted")).hexdigest()
