"""Findings as lines for a reader: criteria of one group share a line."""

from __future__ import annotations

from msgspec import Struct

from cdshooks.engine.model import Determination, Finding, Gap, Outcome
from cdshooks.engine.wording import Wording

UNPROMPTED = "other"
"""The group of criteria that a plan may still ask for: in the determination, not on the card."""


class Line(Struct, frozen=True):
    """One or several findings that a reader settles together."""

    group: str
    label: str
    short: str
    findings: tuple[Finding, ...]

    @property
    def cites(self) -> str:
        """The paragraphs of the line, each once, as the card prints them."""
        return ", ".join(dict.fromkeys(p for finding in self.findings for p in finding.cite))

    @property
    def leading(self) -> bool:
        """True when the line belongs above all others."""
        return any(finding.leading for finding in self.findings)

    @property
    def found(self) -> tuple[Finding, ...]:
        """The findings of the line to which the chart has something to say."""
        return tuple(finding for finding in self.findings if says_something(finding))

    @property
    def to_review(self) -> int:
        """How many records of the chart are to be reviewed without being named."""
        return sum(finding.to_review for finding in self.findings)


def grouped(determination: Determination, wording: Wording, *outcomes: Outcome) -> list[Line]:
    """The findings with these outcomes as lines, in the order of the policy, leading ones first."""
    groups: dict[str, list[Finding]] = {}
    for finding in determination.findings:
        if finding.outcome in outcomes:
            groups.setdefault(finding.group or finding.criterion, []).append(finding)
    lines = [_line(group, tuple(findings), wording) for group, findings in groups.items()]
    return sorted(lines, key=lambda line: not line.leading)


def _line(group: str, findings: tuple[Finding, ...], wording: Wording) -> Line:
    key, short = f"group.{group}", f"short.{group}"
    if len(findings) > 1 and wording.has(key):
        return Line(group, wording.say(key), wording.say(short if wording.has(short) else key), findings)
    label = ", ".join(finding.label for finding in findings)
    return Line(group, label, findings[0].label, findings)


def says_something(finding: Finding) -> bool:
    """True when the chart gave a reason of its own, not only silence or our paraphrase."""
    explanation = finding.explanation
    return explanation is not None and explanation.gap is Gap.ATTEST and bool(explanation.found)
