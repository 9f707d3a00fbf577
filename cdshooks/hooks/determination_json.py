"""The machine-readable determination that every card carries."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from cdshooks.engine.model import CountingDates, Determination, Evidence, Finding, LeftOut, Order, Reminder, Result
from cdshooks.engine.policy import Policy
from cdshooks.hooks.criteria_map import row_json
from cdshooks.hooks.submitted import SETTLED
from cdshooks.hooks.text import Cleaned, clean
from cdshooks.hooks.treatment_line_json import treatment_line_json

KEY = "org.cdshooks.determination"
_MOST_LEFT_OUT = 100


def determination_json(
    decision: UUID,
    library_hash: str,
    order: Order | None,
    as_of: date,
    policy: dict[str, Any] | None,
    determination: Determination | None,
    submitted: date | None = None,
) -> dict[str, Any]:
    """The determination as JSON (schema 1); without one: no findings, could not check.

    `submitted` is the day on which the same gaps were overridden as already submitted.
    """
    found, cleaned = determination or Determination(Result.COULD_NOT_CHECK, ()), Cleaned()
    return {
        "schema": 1,
        "decision": str(decision),
        "library": library_hash,
        **(_order(order) if order else {}),
        "asOf": as_of.isoformat(),
        **({"serviceDate": order.service_date.isoformat()} if order else {}),
        **({"policy": policy} if policy else {}),
        **({"alreadySubmitted": submitted.isoformat()} if submitted else {}),
        "outcome": found.outcome.value,
        "findings": [_finding(finding, cleaned) for finding in found.findings],
        **(
            {"criteriaMap": [row_json(row, found, cleaned) for row in found.criteria_map]} if found.criteria_map else {}
        ),
        **({"reminders": [_reminder(r) for r in found.reminders]} if found.reminders else {}),
        **({"leftOut": [_left_out(x) for x in found.left_out[:_MOST_LEFT_OUT]]} if found.left_out else {}),
    }


def policy_json(policy: Policy, service_date: date) -> dict[str, Any]:
    """Which version was applied and how sure it is that it stands."""
    standing = policy.standing(service_date)
    differs = policy.differs_from_label(service_date)
    return {
        "id": policy.id,
        "version": policy.version,
        "status": policy.status,
        "standing": standing.is_ if standing else "unconfirmed",
        "authority": policy.authority,
        **({"jurisdiction": policy.jurisdiction} if policy.jurisdiction else {}),
        **({"differsFromLabel": list(differs)} if differs else {}),
    }


def _order(order: Order) -> dict[str, Any]:
    named = {"product": str(order.product)} if order.product else {}
    return {"order": order.reference, **named, "recognizedBy": clean(order.recognized_by)}


def _finding(finding: Finding, cleaned: Cleaned) -> dict[str, Any]:
    made: dict[str, Any] = {
        "criterion": finding.criterion,
        "section": finding.section.value,
        "cite": list(finding.cite),
        "outcome": finding.outcome.value,
        "reason": "; ".join(map(cleaned.__getitem__, (finding.reason, *finding.notes))),
    }
    if finding.outcome not in SETTLED:
        made["ask"] = cleaned[finding.whole_ask]
    made["owner"] = finding.owner
    if finding.denial:
        made["denial"] = finding.denial
    if finding.counts_until:
        made["countsUntil"] = finding.counts_until.isoformat()
    if finding.counts_from:
        made.update(_counts_from(finding.counts_from))
    if finding.needed_by:
        made["neededBy"] = finding.needed_by.isoformat()
    if finding.to_review:
        made["toReview"] = finding.to_review
    if finding.evidence:
        made["evidence"] = [_evidence(item, cleaned) for item in finding.evidence]
    if finding.lines:
        made["lines"] = [treatment_line_json(line) for line in finding.lines]
    return made


def _counts_from(dates: CountingDates) -> dict[str, str]:
    return {
        "countsFrom": dates.submission.isoformat(),
        "countsFromForService": dates.service.isoformat(),
        "earliestDate": dates.earliest.isoformat(),
    }


def _evidence(evidence: Evidence, cleaned: Cleaned) -> dict[str, Any]:
    told = {"date": evidence.date, "display": cleaned[evidence.display], "source": cleaned[evidence.source or ""]}
    return {"reference": evidence.reference, **{key: text for key, text in told.items() if text}}


def _reminder(reminder: Reminder) -> dict[str, Any]:
    return {"cite": list(reminder.cite), "text": reminder.text}


def _left_out(left: LeftOut) -> dict[str, Any]:
    return {"reference": left.reference, "why": left.why.value}
