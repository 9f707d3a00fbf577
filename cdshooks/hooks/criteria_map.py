"""The criteria map as JSON: criterion, what the chart documents, and where that lies."""

from __future__ import annotations

from typing import Any

from cdshooks.engine.criteria_map import answering, documents_of, worst
from cdshooks.engine.model import Determination, Evidence, Finding, Listing, MapRow, Outcome
from cdshooks.hooks.submitted import SETTLED
from cdshooks.hooks.text import Cleaned, shortened

_ABSENT = (Outcome.MISSING, Outcome.STALE, Outcome.COULD_NOT_CHECK)
_LONGEST = 300
_MOST_RECORDS = 20


def row_json(row: MapRow, determination: Determination, cleaned: Cleaned) -> dict[str, Any]:
    """One row: `shows` is what is on file, `missing` what is not, `ask` what would settle it."""
    findings = answering(row, determination)
    made: dict[str, Any] = {
        "row": row.id,
        "criteria": list(row.criteria),
        "label": row.label,
        "cite": list(row.cite),
        "outcome": worst(findings).value,
    }
    shown: list[str] = []
    absent: list[str] = []
    for finding in findings:
        if _is_absent(finding):
            absent.append(_reason(finding, findings))
        else:
            shown.append(finding.reason)
    asks = [finding.ask for finding in findings if finding.outcome not in SETTLED]
    for key, texts, between in (("shows", shown, "; "), ("missing", absent, "; "), ("ask", asks, " ")):
        if texts and (text := _joined(texts, cleaned, between)):
            made[key] = text
    _locate(made, findings, cleaned)
    return made


def _reason(finding: Finding, findings: tuple[Finding, ...]) -> str:
    """Why something is not on file; by its label where others answer the row as well."""
    return f"{finding.label}: {finding.reason}" if len(findings) > 1 else finding.reason


def _is_absent(finding: Finding) -> bool:
    """True where nothing that counts is on file: a question that the chart is silent on is one of these."""
    silent = finding.outcome is Outcome.ATTEST and not finding.evidence and not finding.listing
    return silent or finding.outcome in _ABSENT


def _joined(texts: list[str], cleaned: Cleaned, between: str) -> str:
    if len(texts) == 1:
        return shortened(cleaned[texts[0]], _LONGEST)
    return between.join(dict.fromkeys([shortened(cleaned[text], _LONGEST) for text in texts]))


def _locate(made: dict[str, Any], findings: tuple[Finding, ...], cleaned: Cleaned) -> None:
    """Say where it lies, and count the records that are not named: sensitive ones, and those beyond the first."""
    location = documents_of(findings)
    places = [_center(c, cleaned) for c in dict.fromkeys([f.listing for f in findings if f.listing])]
    places += [_record(item, cleaned) for item in location[:_MOST_RECORDS]]
    if places:
        made["location"] = places
    if to_review := sum([finding.to_review for finding in findings]):
        made["toReview"] = to_review
    if len(location) > _MOST_RECORDS:
        made["more"] = len(location) - _MOST_RECORDS


def _record(item: Evidence, cleaned: Cleaned) -> dict[str, Any]:
    issuer = "laboratory" if item.laboratory else "author"
    told = {"date": item.date, issuer: cleaned[item.source or ""], "display": cleaned[item.display]}
    return {"reference": item.reference, **{key: text for key, text in told.items() if text}}


def _center(listing: Listing, cleaned: Cleaned) -> dict[str, Any]:
    told = {"npi": cleaned[listing.npi or ""], "date": listing.date, "display": cleaned[listing.display]}
    return {"center": cleaned[listing.center], **{key: text for key, text in told.items() if text}}
