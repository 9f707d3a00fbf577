"""The criteria map as JSON: criterion, what the chart documents, and where that lies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cdshooks.engine.criteria_map import answering, documents_of, worst
from cdshooks.engine.model import Determination, Evidence, Finding, Listing, MapRow, Outcome
from cdshooks.hooks.submitted import SETTLED
from cdshooks.hooks.text import clean, shortened

_ABSENT = (Outcome.MISSING, Outcome.STALE, Outcome.COULD_NOT_CHECK)
_LONGEST = 300
_MOST_RECORDS = 20


def row_json(row: MapRow, determination: Determination) -> dict[str, Any]:
    """One row: `shows` is what is on file, `missing` what is not, `ask` what would settle it."""
    findings = answering(row, determination)
    location = list(dict.fromkeys([item for finding in findings for item in documents_of(finding)]))
    centers = dict.fromkeys(finding.listing for finding in findings if finding.listing)
    places = [*map(_center, centers), *map(_record, location[:_MOST_RECORDS])]
    absent = [_is_absent(finding) for finding in findings]
    texts = {
        "shows": _joined([f.reason for f, missing in zip(findings, absent, strict=True) if not missing]),
        "missing": _joined([_reason(f, findings) for f, missing in zip(findings, absent, strict=True) if missing]),
        "ask": _joined([f.ask for f in findings if f.outcome not in SETTLED], " "),
    }
    return {
        "row": row.id,
        "criteria": [str(finding.criterion) for finding in findings],
        "label": row.label,
        "cite": list(row.cite),
        "outcome": worst(findings).value,
        **{key: text for key, text in texts.items() if text},
        **({"location": places} if places else {}),
        **_counts(findings, len(location) - _MOST_RECORDS),
    }


def _reason(finding: Finding, findings: tuple[Finding, ...]) -> str:
    """Why something is not on file; by its label where others answer the row as well."""
    return f"{finding.label}: {finding.reason}" if len(findings) > 1 else finding.reason


def _is_absent(finding: Finding) -> bool:
    """True where nothing that counts is on file: a question that the chart is silent on is one of these."""
    silent = finding.outcome is Outcome.ATTEST and not finding.evidence and not finding.listing
    return silent or finding.outcome in _ABSENT


def _joined(texts: list[str], between: str = "; ") -> str:
    return between.join(dict.fromkeys([shortened(clean(text), _LONGEST) for text in texts])) if texts else ""


def _counts(findings: Iterable[Finding], more: int) -> dict[str, int]:
    """Records that are not named: sensitive ones, and those beyond the first."""
    to_review = sum(finding.to_review for finding in findings)
    return {**({"toReview": to_review} if to_review else {}), **({"more": more} if more > 0 else {})}


def _record(item: Evidence) -> dict[str, Any]:
    issuer = {"laboratory" if item.laboratory else "author": clean(item.source or "")}
    optional = {"date": item.date, **issuer, "display": clean(item.display)}
    return {"reference": item.reference, **{key: text for key, text in optional.items() if text}}


def _center(listing: Listing) -> dict[str, Any]:
    optional = {"npi": clean(listing.npi or ""), "date": listing.date, "display": clean(listing.display)}
    return {"center": clean(listing.center), **{key: text for key, text in optional.items() if text}}
