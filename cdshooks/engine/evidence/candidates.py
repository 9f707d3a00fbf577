"""What each record says to one retrieval, and whether two of them can both be right.

A candidate fits, asks, could not be read, is too old, was only requested, or contradicts. What fits and
is contradicted by a record of the same day or a later one does not speak: they are asked together.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from cdshooks.engine.chart import Chart, Record
from cdshooks.engine.dates import Moment, Place, Window
from cdshooks.engine.evidence.context import Context
from cdshooks.engine.model import Evidence, LeftOut, Why
from cdshooks.engine.records import clip, quote, seen_in, title_of
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


_IN_TURN = tuple(Verdict)


class Candidate(Struct, frozen=True):
    """One record, its verdict, and the reason in words.

    `says` is what it says, so that two records can disagree; "" compares with nothing. `about` is the test
    that it says it of; a value that is expected to change from day to day has none.
    `name` is how a sentence about several records tells it from the others.
    """

    record: Record
    verdict: Verdict
    evidence: Evidence
    why: str = ""
    moment: Moment | None = None
    until: date | None = None
    leading: bool = False
    brief: str = ""
    about: str = ""
    says: str = ""
    name: str = ""


class Candidates(Struct):
    """The candidates of one retrieval and the records that were left out of it.

    `refuted` are diagnoses that someone took back; `disagreeing` are records that cannot all be right.
    """

    context: Context
    wording: Wording
    window: Window | None = None
    found: list[Candidate] = []
    left_out: list[LeftOut] = []
    refuted: list[Candidate] = []
    disagreeing: list[Candidate] = []

    def admit(self, record: Record, concept: Concept | None = None, *, value: str = "") -> Candidate | None:
        """Apply the guards and the window; None when the record is refused.

        The candidate that comes back FITS so far as status and date go.
        """
        brief, seen = clip(value), seen_in(record, self.context.chart)
        evidence, moment = seen.showing(brief, concept), seen.moment
        if why := seen.refused(self.context.as_of):
            self.leave_out(evidence, why)
            if why is Why.REFUTED:
                name = self.wording.say("evidence.refuted", record=evidence.display)
                self.refuted.append(Candidate(record, Verdict.ASKS, evidence, "", moment, name=name))
            return None
        if seen.unread:
            self.leave_out(evidence, seen.unread[1])
            return Candidate(record, Verdict.UNREAD, evidence, seen.unread[0], moment, brief=brief)
        if self.window is None:
            return Candidate(record, Verdict.FITS, evidence, "", moment, brief=brief)
        if moment is None:
            return self.undated(Candidate(record, Verdict.FITS, evidence, brief=brief))
        verdict, why_not, until = self._placed(moment, self.window)
        return Candidate(record, verdict, evidence, why_not, moment, until, brief=brief)

    def _placed(self, moment: Moment, window: Window) -> tuple[Verdict, str, date | None]:
        place = window.place(moment, self.context.as_of)
        if place is Place.OUTSIDE:
            return Verdict.STALE, "", None
        if place is Place.UNSURE:
            return Verdict.UNREAD, self.wording.say("evidence.imprecise"), None
        return Verdict.FITS, "", window.counts_until(moment)

    def undated(self, candidate: Candidate) -> Candidate:
        """A candidate whose date matters and is not there: something to look at."""
        self.leave_out(candidate.evidence, Why.UNDATED)
        return replace(candidate, verdict=Verdict.UNREAD, why=self.wording.say("evidence.undated"))

    def counting(self, otherwise: str) -> str:
        """The dates that count, in words; `otherwise` where any date does."""
        return self._dates(self.window)[1] if self.window else otherwise

    @property
    def counts(self) -> str:
        """The dates that count; "" where any date does."""
        return self._dates(self.window)[0] if self.window else ""

    def _dates(self, window: Window) -> tuple[str, str]:
        """The dates that count in a window, by themselves and in a sentence: alike for all that ask with it."""

        def said() -> tuple[str, str]:
            counts = window.ask(self.context.as_of)
            return counts, self.wording.say("evidence.dated", counts=counts)

        return self.context.once((window, self.context.as_of), said)

    def leave_out(self, evidence: Evidence, why: Why) -> None:
        """Report a record that was not used; one with a confidentiality label is not named."""
        if not evidence.sensitive:
            self.left_out.append(LeftOut(evidence.reference, why))

    def add(self, candidate: Candidate | None) -> None:
        """Keep a candidate."""
        if candidate is not None:
            self.found.append(candidate)

    def ask_named(
        self, kind: str, words: Iterable[ValueSet], *, coded: bool = False, unless: Iterable[ValueSet] = ()
    ) -> None:
        """Where nothing was found by its code, ask about uncoded records that name the thing in words.

        `coded`: about those as well whose codes are of a known system, but not the ones that were looked for.
        `unless`: not about records under these codes or words, for they are about somebody else.
        """
        sets, chart = list(words), self.context.chart
        if not sets or self.found:
            return
        for record in chart.all_of_kind(kind) if coded else chart.uncoded(kind):
            if quote(record, chart, sets) and not falls_under(record, chart, unless):
                self.add(self.in_words(record))

    def in_words(self, record: Record) -> Candidate | None:
        """A record that names the thing in words alone: at most it asks."""
        candidate = self.admit(record, value=title_of(record, self.context.chart))
        asked = turned(candidate, Verdict.ASKS, self.wording.say("evidence.free_text"))
        return replace(asked, until=None) if asked else None

    def settle(self) -> None:
        """Let nothing fit that a record of its day, or a later one, contradicts: these are asked together."""
        if not self.refuted and not any([candidate.says for candidate in self.found]):
            return  # nobody to disagree
        for fitting in _newest_fitting(self.found):
            rivals = [c for c in self.found if contradicts(c, fitting)]
            rivals += [c for c in self.refuted if not before(c, fitting)]
            if rivals:
                self.disagreeing += [c for c in (fitting, *rivals) if c not in self.disagreeing]
                about = (fitting.about, Verdict.FITS)
                asked = [replace(c, verdict=Verdict.ASKS) if (c.about, c.verdict) == about else c for c in self.found]
                self.found = asked

    def speaking(self) -> list[Candidate]:
        """The candidates of the verdict that speaks, newest first."""
        for verdict in _IN_TURN if self.found else ():
            if speaking := [candidate for candidate in self.found if candidate.verdict is verdict]:
                return newest_first(speaking)
        return []


def named_of(evidence: Evidence, wording: Wording) -> tuple[str, str]:
    """How a sentence names a record, and its day; one with a confidentiality label is not named."""
    name = wording.say("evidence.sensitive") if evidence.sensitive else evidence.display
    return name, evidence.date or wording.say("evidence.no_date")


def falls_under(record: Record, chart: Chart, sets: Iterable[ValueSet]) -> bool:
    """True when one of a record's codes, or its words, falls under one of the sets."""
    every, codes = list(sets), chart.codes_of(record)
    return any(s.find(coded) for s in every for coded in codes) or bool(every and quote(record, chart, every))


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
    every = [*candidates]
    if len(every) > 1:
        every.sort(key=lambda c: c.record.reference)
        every.sort(key=lambda c: c.moment.last if c.moment else date.min, reverse=True)
    return every


def _newest_fitting(found: list[Candidate]) -> list[Candidate]:
    """The newest candidate that fits, for each thing that candidates speak about."""
    fitting = newest_first([c for c in found if c.verdict is Verdict.FITS])
    return list({c.about: c for c in reversed(fitting)}.values())


def contradicts(candidate: Candidate, fitting: Candidate) -> bool:
    """Whether a candidate says otherwise about the same thing, and not of an earlier day for sure."""
    return otherwise(candidate, fitting) and not before(candidate, fitting)


def otherwise(one: Candidate, other: Candidate) -> bool:
    """True when both say something of the same thing, and not the same."""
    return bool(one.says and other.says) and one.about == other.about and one.says != other.says


def before(one: Candidate, other: Candidate) -> bool:
    """True when the days of one lie wholly before those of the other; never for a record without a day."""
    return one.moment is not None and other.moment is not None and one.moment.last < other.moment.first
