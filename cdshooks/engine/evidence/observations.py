"""`observation`: a laboratory result under a code, in a window, with a readable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.chart import Chart, Record
from cdshooks.engine.evidence.candidates import Candidate, Candidates, Verdict, newest_first, turned
from cdshooks.engine.evidence.context import Check, Compiler, Context, window_of
from cdshooks.engine.evidence.judge import judge
from cdshooks.engine.model import Explanation
from cdshooks.engine.records import once, seen_in
from cdshooks.engine.results import Reading, ResultSets, has_members, read_result, spoilt
from cdshooks.engine.valuesets import Concept, ValueSet


def compile_observation(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """Results under `code`; `value` must be read in them, `contradicts` says no, `asks` is for a person.

    `spoiled_by`: words in a result that leave it to a person ("not confirmed").
    `named`: words by which a result without any known code is found and asked about.
    `conflict` {older, newer}: all codes are one test, and a sure result of the one followed by a same-day
    or newer result of the other is shown with both dates and asked, whatever the window.
    `dated`: any date counts, but there must be one. `numbers: ask`: a number without an interpretation is for a person.
    """
    form = _Form(
        code=compiler.union(filters["code"]),
        tests=[] if "conflict" in filters else compiler.sets(filters["code"]),
        sets={name: compiler.sets(filters.get(name)) for name in ("value", "contradicts", "asks")},
        spoiling=compiler.sets(filters.get("spoiled_by")),
        compiler=compiler,
        dated=filters.get("dated", False),
        numbers="numbers" in filters,
    )
    window, say, kinds = window_of(filters), compiler.wording.say, compiler.reads("Observation")
    conflict, named = filters.get("conflict"), compiler.sets(filters.get("named"))
    any_date = say("evidence.observation", code=form.code.title, counts=say("evidence.any_date"))
    undated, kind_name = "" if window else any_date, say("evidence.kinds.Observation")

    def check(context: Context) -> Explanation:
        candidates = Candidates(context, compiler.wording, window)
        read = form.results(candidates)
        form.reports(candidates)
        candidates.ask_named("Observation", named)
        if conflict and read and (pair := _conflict(read, conflict)):
            candidates.found = candidates.disagreeing = [replace(c, verdict=Verdict.ASKS) for c in pair]
        what = undated or say("evidence.observation", code=form.code.title, counts=candidates.counting(""))
        return judge(candidates, what, kinds, kind_name=kind_name)

    return check


@dataclass(frozen=True)
class _Form:
    """The compiled filters of one `observation`."""

    code: ValueSet
    tests: list[ValueSet]
    sets: Mapping[str, list[ValueSet]]
    spoiling: list[ValueSet]
    compiler: Compiler
    dated: bool
    numbers: bool

    @cached_property
    def every(self) -> list[ValueSet]:
        """All sets that a value may fall into."""
        return [value_set for sets in self.sets.values() for value_set in sets]

    @cached_property
    def ids(self) -> Mapping[str, frozenset[str]]:
        """The ids of the sets under each filter."""
        return {name: frozenset(value_set.id for value_set in sets) for name, sets in self.sets.items()}

    @cached_property
    def key(self) -> tuple[str, ...]:
        """What two forms must share to read a result alike."""
        return tuple(sorted(s.id for s in self.every))

    @cached_property
    def spoiled_key(self) -> tuple[str, ...]:
        """What two forms must share to find the same results spoilt."""
        return "spoilt", *sorted(words.id for words in self.spoiling)

    @cached_property
    def results_table(self) -> ResultSets:
        """The sets that a value may fall into, as one table."""
        return ResultSets.of(self.every)

    def read(self, record: Record, chart: Chart) -> Reading:
        """One result read against the sets; words that take it back leave it unsure."""
        reading = once(self._read, record, chart, self.key)
        if not self.spoiling or not reading.sure or not once(self._spoilt, record, chart, self.spoiled_key):
            return reading
        return replace(reading, sure=False)

    def _read(self, record: Record, chart: Chart) -> Reading:
        return read_result(record, chart, self.results_table)

    def _spoilt(self, record: Record, chart: Chart) -> bool:
        return spoilt(record, chart, self.spoiling)

    def results(self, candidates: Candidates) -> list[tuple[Candidate, Reading]]:
        """Add a candidate for every result; those that are surely read come back, whatever their age."""
        chart, read = candidates.context.chart, []
        for record, concept in chart.find(("Observation",), self.code):
            reading = self.read(record, chart)
            if not reading.readable and has_members(record, chart):
                continue
            admitted = candidates.admit(record, concept, value=reading.words)
            if admitted is None:
                continue
            if self.dated and admitted.moment is None and admitted.verdict is Verdict.FITS:
                admitted = candidates.undated(admitted)
            candidate = self._told(admitted, concept, reading, chart)
            candidates.found.append(candidate)
            if concept.decides and reading.sure and admitted.verdict in (Verdict.FITS, Verdict.STALE):
                read.append((candidate, reading))
        return read

    def _told(self, candidate: Candidate, concept: Concept, reading: Reading, chart: Chart) -> Candidate:
        """The candidate with its verdict, and what it says of which test.

        A code that is known to be of something else says nothing. It is named by its laboratory, never by its value: a
        card does not say what a serology showed.
        """
        verdict, why = self._verdict(candidate, concept, reading)
        if verdict is Verdict.UNREAD and candidate.verdict is Verdict.FITS and self.numbers and _bare_number(candidate):
            verdict, why = Verdict.ASKS, self.compiler.wording.say("evidence.number")
        of_the_test = concept.decides or concept.grade != "A"
        return replace(
            candidate,
            verdict=verdict,
            why=why,
            about=next((test.id for test in self.tests if test.find(concept.coded)), self.code.id),
            says="+".join(sorted(reading.sets)) if of_the_test and not _unread(candidate, chart) else "",
            name=candidate.evidence.source or candidate.evidence.reference,
        )

    def _verdict(self, candidate: Candidate, concept: Concept, reading: Reading) -> tuple[Verdict, str]:
        """The verdict on a candidate once its value has been read, and why."""
        say, as_before = self.compiler.wording.say, (candidate.verdict, candidate.why)
        if candidate.verdict not in (Verdict.FITS, Verdict.STALE):
            return as_before
        stale = candidate.verdict is Verdict.STALE
        if self.every:
            if not reading.readable:
                return as_before if stale else (Verdict.UNREAD, concept.why_not or say("evidence.no_value"))
            if reading.sure and reading.sets <= self.ids["contradicts"]:
                return (Verdict.CONTRADICTS, "") if concept.decides else (Verdict.ASKS, concept.why_not)
            if not stale and not (reading.sure and reading.sets <= self.ids["value"]):
                return Verdict.ASKS, say("evidence.not_sure")
        return as_before if stale or concept.decides else (Verdict.ASKS, concept.why_not)

    def reports(self, candidates: Candidates) -> None:
        """Add a candidate for every report under the code whose results are not in the chart: something to look at."""
        chart = candidates.context.chart
        for record, concept in chart.find(("DiagnosticReport",), self.code):
            if not has_members(record, chart):
                candidate = candidates.admit(record, concept)
                candidates.add(turned(candidate, Verdict.UNREAD, self.compiler.wording.say("evidence.report_only")))


def _unread(candidate: Candidate, chart: Chart) -> bool:
    """True for a result that cannot be relied on, whatever its date."""
    return candidate.verdict is Verdict.UNREAD and seen_in(candidate.record, chart).unread is not None


def _conflict(read: list[tuple[Candidate, Reading]], conflict: Mapping[str, str]) -> list[Candidate] | None:
    """The newest result of each side when an older sure one is followed by its opposite; else None."""
    older_id, newer_id = (conflict[side].removeprefix("vs/") for side in ("older", "newer"))
    older = newest_first(c for c, reading in read if reading.sets == {older_id} and c.moment)
    newer = newest_first(c for c, reading in read if reading.sets == {newer_id} and c.moment)
    if not older or not newer:
        return None
    first, second = older[0].moment, newer[0].moment
    if first is None or second is None or second.last < first.first:
        return None
    return newest_first([older[0], newer[0]])


def _bare_number(candidate: Candidate) -> bool:
    """True for a result that is a number, without a word of the laboratory on what it means."""
    body = candidate.record.body
    return "valueQuantity" in body and not body.get("interpretation")
