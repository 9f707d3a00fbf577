"""Comparing an answer with what a case expects of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdshooks.cli.cases import APPEAL_EXPECTATIONS, OUTCOME_KEYS
from cdshooks.engine.model import Finding, TreatmentLine
from cdshooks.hooks.determination_json import KEY
from cdshooks.hooks.service import Answer, Determined


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference: what was looked at, what was expected, what came, and its finding where there is one."""

    what: str
    expected: str
    came: str
    finding: Finding | None = None

    def __str__(self) -> str:
        """One line for a terminal."""
        return f"{self.what}: expected {self.expected}, came {self.came}"


def mismatches(expect: Mapping[str, Any], answered: Answer, determined: Determined | None) -> Iterator[Mismatch]:
    """Every difference between the answer and what is expected; none when the case passes."""
    if answered.failure:
        yield Mismatch("the service", "an answer", f"a failure of its own ({answered.failure})")
    yield from _answer_level(expect, answered, determined)
    if determined is None:
        if needs := [key for key in expect if key not in _WITHOUT_DETERMINATION]:
            yield Mismatch(", ".join(needs), "a determination under this policy", _policies(answered))
        return
    findings = {str(finding.criterion): finding for finding in determined.determination.findings}
    yield from _outcomes(expect, findings)
    yield from _of_findings(expect, findings)
    yield from _of_determination(expect, determined)


_WITHOUT_DETERMINATION = ("outcome", "applied", "cards", "card", "no_card_text", *APPEAL_EXPECTATIONS)


def _answer_level(expect: Mapping[str, Any], answered: Answer, determined: Determined | None) -> Iterator[Mismatch]:
    cards = answered.body["cards"]
    if "cards" in expect and expect["cards"] != len(cards):
        yield Mismatch("cards", str(expect["cards"]), f"{len(cards)}: {[card['summary'] for card in cards]}")
    if "applied" in expect and determined is not None:
        yield Mismatch("applied", "this policy not to be applied", f"version {determined.policy_version or 'none'}")
    looked_at = [determined.card] if determined else cards
    came = ", ".join(card["extension"][KEY]["outcome"] for card in looked_at) or "no card"
    if "outcome" in expect and expect["outcome"] != came:
        yield Mismatch("outcome", expect["outcome"], came)
    text = "\n\n".join(f"{card['summary']}\n{card.get('detail', '')}" for card in looked_at)
    for wanted in expect.get("card", []):
        if wanted not in text:
            yield Mismatch("card", repr(wanted), f"the card below\n{text}")
    for unwanted in expect.get("no_card_text", []):
        if unwanted in text:
            yield Mismatch("card", f"no {unwanted!r}", f"the card below\n{text}")


def _policies(answered: Answer) -> str:
    return ", ".join(f"{d.policy_id} {d.policy_version}" for d in answered.determinations) or "none at all"


def _outcomes(expect: Mapping[str, Any], findings: Mapping[str, Finding]) -> Iterator[Mismatch]:
    for key, outcome in OUTCOME_KEYS.items():
        for criterion in expect.get(key, ()):
            finding = findings.get(criterion)
            if finding is None:
                yield Mismatch(criterion, outcome.value, "no finding in this version")
            elif finding.outcome is not outcome:
                yield Mismatch(criterion, outcome.value, finding.outcome.value, finding)
        if expect.get(key) == []:
            for finding in findings.values():
                if finding.outcome is outcome:
                    yield Mismatch(str(finding.criterion), f"anything but {outcome.value}", outcome.value, finding)


def _of_findings(expect: Mapping[str, Any], findings: Mapping[str, Finding]) -> Iterator[Mismatch]:
    for key, read in _READ.items():
        for criterion, wanted in expect.get(key, {}).items():
            finding = findings.get(criterion)
            came = read(finding) if finding else None
            if finding is None or not _fits(key, wanted, came):
                yield Mismatch(f"{criterion}, {key}", str(wanted), str(came), finding)


def _fits(key: str, wanted: Any, came: Any) -> bool:
    if key in ("reason", "ask"):
        return wanted in came
    return set(wanted) <= set(came) if key == "evidence" else bool(wanted == came)


_READ: Mapping[str, Callable[[Finding], Any]] = {
    "reason": lambda finding: "; ".join([finding.reason, *finding.notes]),
    "ask": lambda finding: finding.whole_ask,
    "counts_until": lambda finding: finding.counts_until.isoformat() if finding.counts_until else "no day",
    "to_review": lambda finding: finding.to_review,
    "evidence": lambda finding: [item.reference for item in finding.evidence],
    "lines": lambda finding: [_line(line) for line in finding.lines],
}


def _line(line: TreatmentLine) -> str:
    return f"{line.start or 'no date'} to {line.end or 'no date'}: {' + '.join(line.regimen)}"


def _of_determination(expect: Mapping[str, Any], determined: Determined) -> Iterator[Mismatch]:
    found = determined.determination
    if "version" in expect and expect["version"] != determined.policy_version:
        yield Mismatch("version", expect["version"], determined.policy_version or "none on file")
    left_out = {(left.reference, left.why.value) for left in found.left_out}
    for reference, why in expect.get("left_out", {}).items():
        if (reference, why) not in left_out:
            came = [reason for name, reason in sorted(left_out) if name == reference]
            yield Mismatch(f"{reference} left out", why, ", ".join(came) or "not left out")
    reminded = {paragraph for reminder in found.reminders for paragraph in reminder.cite}
    for paragraph in expect.get("reminders", []):
        if paragraph not in reminded:
            yield Mismatch("reminders", paragraph, ", ".join(sorted(reminded)) or "none")
    for paragraph in expect.get("no_reminders", []):
        if paragraph in reminded:
            yield Mismatch("reminders", f"not {paragraph}", paragraph)
