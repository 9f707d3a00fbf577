"""Lines of treatment as a chart tells them: regimen, days, response and reason for stopping where it says them.

Nothing is inferred: a line is never said to have failed, a response or a reason that no record states stays open,
and a number is the chart's own or none. The rules are those of the library's README, "How lines of treatment are made".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise

from msgspec import Struct

from cdshooks.engine.chart import MEDICATION_KINDS
from cdshooks.engine.codes import Coded
from cdshooks.engine.evidence.candidates import Candidates, Verdict
from cdshooks.engine.evidence.context import Compiler, Context
from cdshooks.engine.evidence.courses import Dose, Shown
from cdshooks.engine.evidence.grouping import Line, disagree, group, group_by_dates
from cdshooks.engine.evidence.treatment_records import TreatmentReader, treatment_sets
from cdshooks.engine.identity import listed
from cdshooks.engine.line_rules import LineRules
from cdshooks.engine.model import Basis, Evidence, LeftOut, Said, TreatmentLine
from cdshooks.engine.results import value_words
from cdshooks.engine.valuesets import ValueSet
from cdshooks.engine.wording import Wording

_MOST_TOLD, _MOST_NAMES = 5, 4
_REFERENCES = ("partOf", "basedOn", "focus")


class Treatments(Struct, frozen=True):
    """The lines of one chart, oldest first; those that the dates alone would give where the chart states others."""

    lines: tuple[TreatmentLine, ...]
    by_dates: tuple[TreatmentLine, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def earlier(self) -> list[TreatmentLine]:
        """The dated or numbered lines before the order; the drugs that lead up to it are none."""
        return [line for line in self.lines if not line.for_this_order and (line.start or line.number is not None)]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every record, the first of each line before the rest."""
        firsts = [line.evidence[0] for line in self.lines]
        return tuple(dict.fromkeys([*firsts, *(item for line in self.lines for item in line.evidence)]))


class _Response(Struct, frozen=True):
    said: Said
    rank: int | None
    day: date
    about: frozenset[str]


def compile_lines(compiler: Compiler, classes: Iterable[ValueSet] = ()) -> Callable[[Context], Treatments]:
    """Reconstruct the lines of a chart: drugs of the library and of `classes`, procedures, responses."""
    compiler.reads(MEDICATION_KINDS[0], "Procedure", "Observation")
    sets, rules = treatment_sets(compiler, tuple(classes)), compiler.products.line_rules
    status, ranks = compiler.union(list(rules.responses)), _ranks(compiler.sets(list(rules.best_first)))

    def read(context: Context) -> Treatments:
        candidates = Candidates(context, compiler.wording)
        doses = list(TreatmentReader(candidates, sets).doses())
        lines = group(doses, rules, context.service_date)
        by_dates = group_by_dates(doses, rules, context.service_date) if any(dose.numbers for dose in doses) else []
        torn = disagree(lines, by_dates)
        homes = _homes(lines, list(_responses(candidates, status, ranks)), rules)
        told = tuple(_told(line, homes.get(i, []), torn) for i, line in enumerate(lines))
        other = tuple(_told(line, [], set()) for line in by_dates) if torn else ()
        return Treatments(told, other, tuple(candidates.left_out))

    def treatments(context: Context) -> Treatments:
        key = ("treatments", tuple(drugs.id for drugs in sets.drugs), context.as_of, context.service_date)
        return context.once(key, lambda: read(context))

    return treatments


def _ranks(sets: list[ValueSet]) -> Mapping[Coded, tuple[int, str]]:
    """The place of each code among the sets, the best response first, and its name."""
    ranked = reversed(list(enumerate(sets)))
    return {coded: (rank, concept.display) for rank, one in ranked for coded, concept in one.concepts.items()}


def _responses(candidates: Candidates, status: ValueSet, ranks: Mapping[Coded, tuple[int, str]]) -> Iterator[_Response]:
    """Results that state how the disease stood, with their days."""
    chart = candidates.context.chart
    for record, _ in chart.find(("Observation",), status):
        candidate = candidates.admit(record, value=value_words(record.body))
        if candidate is None or candidate.verdict is not Verdict.FITS or candidate.evidence.sensitive:
            continue
        coded = chart.systems.codings(record.body.get("valueCodeableConcept"))
        rank, name = min((ranks[code] for code in coded if code in ranks), default=(None, ""))
        links = [item for name in _REFERENCES for item in listed(record.resource.get(name))]
        about = frozenset(str(link.get("reference")) for link in links if isinstance(link, dict))
        moment = candidate.moment
        if (words := candidate.brief or name) and (moment or about):
            said = Said(words, candidate.evidence.reference, candidate.evidence.date)
            yield _Response(said, rank, moment.first if moment else date.max, about)


def _homes(lines: list[Line], responses: list[_Response], rules: LineRules) -> dict[int, list[_Response]]:
    """Each response with the line that it names, or else in whose days, or shortly after, it was recorded."""
    spans = _spans(lines, rules)
    homes: dict[int, list[_Response]] = {}
    for response in sorted(responses, key=lambda r: (r.day, r.said.reference)):
        named = [i for i, line in enumerate(lines) if response.about & _references(line)]
        dated = [i for i, (start, end) in spans.items() if start <= response.day <= end]
        for index in (named or dated)[-1:]:
            homes.setdefault(index, []).append(response)
    return homes


def _spans(lines: list[Line], rules: LineRules) -> dict[int, tuple[date, date]]:
    """The days in which a response belongs to a line: until `within` after its end, or the next line begins."""
    dated = [i for i, line in enumerate(lines) if line.dated]
    spans = {}
    for index, after in pairwise([*dated, None]):
        if index is not None:
            last = rules.response_within.after(lines[index].course.end)
            until = lines[after].start.first - timedelta(days=1) if after is not None else last
            spans[index] = (lines[index].start.first, min(last, until))
    return spans


def _references(line: Line) -> set[str]:
    return {name for dose in line.doses for name in (dose.evidence.reference, *dose.plans)}


def _told(line: Line, responses: list[_Response], torn: set[int]) -> TreatmentLine:
    doses = line.doses
    ranked = [response for response in responses if response.rank is not None]
    best = min(ranked, key=lambda response: (response.rank, response.day), default=None)
    shown: dict[str, Shown] = {}
    for dose in doses:
        shown[dose.name] = max(shown.get(dose.name, Shown.ORDERED), dose.shown)
    numbers = {number for dose in doses for number in dose.numbers}
    return TreatmentLine(
        regimen=tuple(shown),
        start=str(line.start) if line.dated else None,
        end=_end(doses) if line.dated else None,
        basis=Basis.GROUPED if line.number is None else Basis.STATED,
        number=line.number,
        coded=line.number is not None and all(dose.coded for dose in doses if dose.number == line.number),
        only_ordered=tuple(name for name, how in shown.items() if how is Shown.ORDERED),
        best_response=best.said if best else None,
        responses=tuple(response.said for response in responses),
        stopped=_stopped(doses),
        intent=next((dose.intent for dose in doses if dose.intent), ""),
        for_this_order=line.planned,
        disagrees=bool(numbers & torn),
        evidence=tuple(dict.fromkeys(dose.evidence for dose in doses)),
    )


def _end(doses: list[Dose]) -> str | None:
    """The last day on record; None when the last record does not tell when it ended."""
    ends = [(dose.end, not dose.open_end) for dose in doses if dose.end]
    last, told = max(ends, key=lambda pair: (pair[0].last, pair[1], pair[0].first))
    return str(last) if told else None


def _stopped(doses: list[Dose]) -> tuple[Said, ...]:
    """Each reason that a record gives, once, the last one of each drug alone."""
    last = {dose.name: dose for dose in doses if dose.stopped}
    once = {dose.stopped: dose for dose in sorted(last.values(), key=lambda dose: dose.key, reverse=True)}
    said = [(words, dose.evidence) for words, dose in once.items()]
    return tuple(Said(words, evidence.reference, evidence.date) for words, evidence in reversed(said))


def tell_lines(lines: Iterable[TreatmentLine], wording: Wording) -> str:
    """The lines in a few words each, oldest first, at most five."""
    every = list(lines)
    shown = "; ".join(_short(line, wording) for line in every[:_MOST_TOLD])
    more = len(every) - _MOST_TOLD
    return f"{shown}; {wording.say('evidence.more', count=more)}" if more > 0 else shown


def _short(line: TreatmentLine, wording: Wording) -> str:
    say, best = wording.say, line.best_response
    last, stopped = line.responses[-1:], "; ".join(said.words for said in line.stopped)
    response = say("evidence.line_response", response=best.words, date=(best.date or "")[:7]) if best else ""
    if last and not best:
        response = say("evidence.line_status", status=last[0].words, date=(last[0].date or "")[:7])
    return say(
        "evidence.line",
        number=say("evidence.line_number", number=line.number) if line.number is not None else "",
        days=days_of(line, wording),
        names=f"{_names(line.regimen)} {_ordered(line, wording)}".strip(),
        response=response,
        stopped=say("evidence.line_stopped", reason=stopped) if stopped else "",
    )


def _names(names: tuple[str, ...]) -> str:
    return " + ".join(names[:_MOST_NAMES]) + (" + …" if len(names) > _MOST_NAMES else "")


def _ordered(line: TreatmentLine, wording: Wording) -> str:
    """Which of the drugs no record shows as given or reported."""
    if set(line.regimen) == set(line.only_ordered):
        return wording.say("evidence.line_ordered")
    return wording.say("evidence.line_ordered_part", names=_names(line.only_ordered)) if line.only_ordered else ""


def days_of(line: TreatmentLine, wording: Wording) -> str:
    """First and last month, or year, as far as they are known."""
    if line.start is None:
        return wording.say("evidence.no_date")
    first, last = line.start[:7], (line.end or "")[:7]
    return wording.say("evidence.line_days", start=first, end=last) if last and last != first else first
