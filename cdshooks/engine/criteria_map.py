"""The criteria map: which finding answers which criterion of the paper. Nothing is evaluated a second time."""

from __future__ import annotations

from collections.abc import Iterable

from cdshooks.engine.model import Determination, Evidence, Finding, MapRow, Outcome

WORST_FIRST = (
    Outcome.NOT_MET,
    Outcome.MISSING,
    Outcome.STALE,
    Outcome.COULD_NOT_CHECK,
    Outcome.ATTEST,
    Outcome.MET,
    Outcome.NOT_APPLICABLE,
)


def answering(row: MapRow, determination: Determination) -> tuple[Finding, ...]:
    """The findings that answer a row."""
    return tuple(map(determination.by_criterion.__getitem__, row.criteria))


def worst(findings: Iterable[Finding]) -> Outcome:
    """The worst outcome among findings."""
    outcomes = [finding.outcome for finding in findings]
    return outcomes[0] if len(outcomes) == 1 else min(outcomes, key=WORST_FIRST.index)


def named_once(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Each record that may be named once, as it was first described."""
    if len(evidence) < 2:
        return () if evidence and evidence[0].sensitive else evidence
    named = {item.reference: item for item in reversed(evidence) if not item.sensitive}
    return tuple(item for item in evidence if named.get(item.reference) is item)


def documents_of(findings: Iterable[Finding]) -> list[Evidence]:
    """Every record of some findings that may be named, each once, also those beyond the few that they show."""
    found: dict[Evidence, None] = {}
    for finding in findings:
        every = finding.evidence if finding.explanation is None else finding.explanation.evidence
        if every:
            found |= dict.fromkeys(named_once(every))
    return [*found]
