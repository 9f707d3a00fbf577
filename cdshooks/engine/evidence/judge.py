"""From the candidates of one retrieval to one explanation.

The order in which candidates speak: one that fits; else one that a person must look at; else one
that could not be read; else one that is too old; else one that contradicts; else none was found,
which is an absence only if the kind was read completely.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from cdshooks.engine.chart import Record
from cdshooks.engine.dates import Moment, Place, Window
from cdshooks.engine.evidence.context import Context
from cdshooks.engine.model import Evidence, Explanation, Gap, LeftOut, Why
from cdshooks.engine.records import clip, evidence_of, moment_of, quote, refusal, title_of, unread_reason
from cdshooks.engine.valuesets import Concept, ValueSet
from cdshooks.engine.wording import Wording


class Verdict(StrEnum):
    """What one record says to one retrieval, in the order in which verdicts speak."""

    FITS = "fits"
    ASKS = "asks"
    UNREAD = "unread"
    STALE = "stale"
    REQUESTED = "requested"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One record, its verdict, and the reason in words."""

    record: Record
    verdict: Verdict
    evidence: Evidence
    why: str = ""
    moment: Moment | None = None
    until: date | None = None
    leading: bool = False
    brief: str = ""
    disagrees: bool = False


@dataclass
class Candidates:
    """The candidates of one retrieval and the records that were left out of it."""

    context: Context
    wording: Wording
    window: Window | None = None
    found: list[Candidate] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def admit(self, record: Record, concept: Concept | None = None, *, value: str = "") -> Candidate | None:
        """Apply the guards and the window; None when the record is refused.

        The candidate that comes back FITS so far as status and date go.
        """
        chart, as_of = self.context.chart, self.context.as_of
        moment = moment_of(record, chart)
        evidence = evidence_of(record, chart, value=value, when=moment, concept=concept)
        if why := refusal(record, moment, as_of):
            self._leave_out(evidence, why)
            return None
        if unread := unread_reason(record):
            self._leave_out(evidence, unread[1])
            return Candidate(record, Verdict.UNREAD, evidence, unread[0], moment, brief=clip(value))
        if self.window is None:
            return Candidate(record, Verdict.FITS, evidence, "", moment, brief=clip(value))
        return replace(self._placed(record, evidence, moment, self.window), brief=clip(value))

    def _placed(self, record: Record, evidence: Evidence, moment: Moment | None, window: Window) -> Candidate:
        if moment is None:
            return self.undated(Candidate(record, Verdict.FITS, evidence))
        place = window.place(moment, self.context.as_of)
        if place is Place.OUTSIDE:
            return Candidate(record, Verdict.STALE, evidence, "", moment)
        if place is Place.UNSURE:
            return Candidate(record, Verdict.UNREAD, evidence, self.wording.say("evidence.imprecise"), moment)
        return Candidate(record, Verdict.FITS, evidence, "", moment, window.counts_until(moment))

    def undated(self, candidate: Candidate) -> Candidate:
        """A candidate whose date matters and is not there: something to look at."""
        self._leave_out(candidate.evidence, Why.UNDATED)
        return replace(candidate, verdict=Verdict.UNREAD, why=self.wording.say("evidence.undated"))

    def counting(self, otherwise: str) -> str:
        """The dates that count, in words; `otherwise` where any date does."""
        counts = self.window.ask(self.context.as_of) if self.window else ""
        return self.wording.say("evidence.dated", counts=counts) if counts else otherwise

    def _leave_out(self, evidence: Evidence, why: Why) -> None:
        """Report a record that was not used; one with a confidentiality label is not named."""
        if not evidence.sensitive:
            self.left_out.append(LeftOut(evidence.reference, why))

    def add(self, candidate: Candidate | None) -> None:
        """Keep a candidate."""
        if candidate is not None:
            self.found.append(candidate)

    def ask_named(self, kind: str, words: Iterable[ValueSet]) -> None:
        """Where nothing was found by its code, ask about uncoded records that name the thing in words."""
        sets = list(words)
        if not sets or self.found:
            return
        for record in self.context.chart.uncoded(kind):
            if quote(record, self.context.chart, sets):
                candidate = self.admit(record, value=title_of(record, self.context.chart))
                if candidate is not None and candidate.verdict is Verdict.FITS:
                    why = self.wording.say("evidence.free_text")
                    candidate = replace(candidate, verdict=Verdict.ASKS, why=why, until=None)
                self.add(candidate)

    def speaking(self) -> list[Candidate]:
        """The candidates of the verdict that speaks, newest first."""
        for verdict in Verdict:
            if group := [c for c in self.found if c.verdict is verdict]:
                return newest_first(group)
        return []


def turned(candidate: Candidate | None, verdict: Verdict, why: str) -> Candidate | None:
    """A fitting candidate with another verdict; any other, or none, stays as it is."""
    if candidate is None or candidate.verdict is not Verdict.FITS:
        return candidate
    return replace(candidate, verdict=verdict, why=why)


def weighed(candidate: Candidate | None, concept: Concept) -> Candidate | None:
    """A fitting candidate under a code that does not decide only asks."""
    return candidate if concept.decides else turned(candidate, Verdict.ASKS, concept.why_not)


def newest_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Newest first; undated last; ties by reference, so that the order sent does not matter."""
    by_name = sorted(candidates, key=lambda c: c.record.reference)
    return sorted(by_name, key=lambda c: c.moment.last if c.moment else date.min, reverse=True)


def judge(candidates: Candidates, what: str, kinds: Iterable[str], *, kind_name: str, looked: str = "") -> Explanation:
    """One explanation for a retrieval; `kinds` must be read completely before absence is claimed."""
    say = candidates.wording.say
    kinds = tuple(kinds)
    unread = candidates.context.chart.unread(kinds)
    group = candidates.speaking()
    left_out = tuple(candidates.left_out)
    if not group:
        if unread:
            found = say("evidence.not_read", reason=unread)
            return Explanation(None, what, found, Gap.COULD_NOT_CHECK, left_out=left_out)
        told = candidates.context.chart.said_none(kinds)
        note = say("evidence.none_sent", reason=told) if told else ""
        none = say("evidence.none", kind=kind_name, dated=candidates.counting(looked), note=note)
        return Explanation(None, what, none, Gap.MISSING, left_out=left_out)
    first = group[0]
    truth, gap = _standing(first.verdict, unread)
    return Explanation(
        truth,
        what,
        _found(candidates, group, unread),
        gap,
        evidence=tuple(c.evidence for c in group),
        counts_until=max((c.until for c in group if c.until), default=None),
        left_out=left_out,
        leading=any(c.leading for c in group),
    )


def _standing(verdict: Verdict, unread: str | None) -> tuple[bool | None, Gap | None]:
    if verdict is Verdict.FITS:
        return True, None
    if verdict is Verdict.CONTRADICTS:
        return (None, Gap.COULD_NOT_CHECK) if unread else (False, None)
    gaps = {
        Verdict.ASKS: Gap.ATTEST,
        Verdict.UNREAD: Gap.COULD_NOT_CHECK,
        Verdict.STALE: Gap.COULD_NOT_CHECK if unread else Gap.STALE,
        Verdict.REQUESTED: Gap.COULD_NOT_CHECK if unread else Gap.MISSING,
    }
    return None, gaps[verdict]


def _found(candidates: Candidates, group: list[Candidate], unread: str | None) -> str:
    say, first = candidates.wording.say, group[0]
    if first.evidence.sensitive:
        return say("evidence.hidden", record=say("evidence.sensitive"), date=first.evidence.date or "")
    if first.disagrees:
        return first.why
    key = f"evidence.{first.verdict.value}"
    window = candidates.window
    return say(
        key,
        record=first.brief or first.evidence.display,
        reference=first.evidence.reference,
        date=first.evidence.date or say("evidence.no_date"),
        why=first.why,
        more=say("evidence.more", count=len(group) - 1) if len(group) > 1 else "",
        counts=window.ask(candidates.context.as_of) if window else "",
        unread=say("evidence.also_unread", reason=unread) if unread else "",
    )
