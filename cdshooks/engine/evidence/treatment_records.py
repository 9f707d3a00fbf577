"""The records of a chart that show a treatment, each as a dose: days, plan, stated line, reason for stopping."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.chart import MEDICATION_KINDS, Chart, Record
from cdshooks.engine.codes import concept_texts
from cdshooks.engine.dates import Moment, read_moment
from cdshooks.engine.evidence.candidates import Candidate, Candidates, Verdict
from cdshooks.engine.evidence.context import Compiler
from cdshooks.engine.evidence.courses import Dose, Shown
from cdshooks.engine.identity import listed, split_reference
from cdshooks.engine.line_rules import LineProcedure, LineRules
from cdshooks.engine.model import Resource, Why
from cdshooks.engine.records import clip, folded_name, quote, taken_back
from cdshooks.engine.valuesets import ValueSet, fold_words

_SHOWN = {
    "MedicationAdministration": Shown.GIVEN,
    "Procedure": Shown.GIVEN,
    "MedicationStatement": Shown.REPORTED,
    "MedicationDispense": Shown.REPORTED,
}
_HAPPENED = ("completed", "in-progress", "on-hold", "stopped")
_ONLY_PLANNED = ("draft", "on-hold", "intended", "preparation", "planned")
_PROPOSED = ("proposal", "plan", "option")
_BEGUN_ON_HOLD = ("MedicationAdministration", "MedicationStatement", "Procedure")
_PLANS = ("CarePlan", "EpisodeOfCare", "RequestGroup", "ServiceRequest", "Procedure")
_LINKS = ("basedOn", "partOf", "context", "encounter")
_PERIODS = ("effectivePeriod", "performedPeriod", "occurencePeriod", "occurrencePeriod")
_REASONS = ("statusReason", "reasonStopped")
_BRAND = "BN"
_NUMBER = re.compile(r"[1-9]\d?", re.ASCII)
_FIRST, _LAST = attrgetter("first", "last"), attrgetter("last", "first")
_FIRST_DAY = date(1900, 1, 1)
"""A date before it stands for none."""
_PLAN_TEXTS = ("title", "category", "type", "code")
_RECORD_TEXTS = ("category", "courseOfTherapyType")


@dataclass(frozen=True)
class TreatmentSets:
    """What is looked for, compiled: drugs, procedures, codes of reasons for stopping."""

    rules: LineRules
    drugs: tuple[ValueSet, ...]
    procedures: tuple[tuple[LineProcedure, ValueSet, ValueSet, tuple[ValueSet, ...], frozenset[str]], ...]
    stop_reasons: ValueSet
    names: tuple[tuple[str, str], ...]


def treatment_sets(compiler: Compiler, classes: tuple[ValueSet, ...] = ()) -> TreatmentSets:
    """The library's sets for treatments, and further `classes` of drugs."""
    rules = compiler.products.line_rules
    every = [*compiler.sets(list(compiler.products.therapy_drugs)), *classes]
    drugs = tuple({value_set.id: value_set for value_set in every}.values())
    return TreatmentSets(
        rules,
        drugs,
        tuple(_procedure(procedure, compiler) for procedure in rules.procedures),
        compiler.union(list(rules.stop_reasons)),
        tuple(_names(drugs)),
    )


def _procedure(
    procedure: LineProcedure, compiler: Compiler
) -> tuple[LineProcedure, ValueSet, ValueSet, tuple[ValueSet, ...], frozenset[str]]:
    """A procedure with its codes, the drugs that give it, the words for it, and the names of those drugs."""
    given = compiler.union(list(procedure.given))
    names = frozenset(folded for folded, _ in _names([given]))
    return procedure, compiler.union(list(procedure.codes)), given, tuple(compiler.sets(list(procedure.words))), names


def _names(drugs: Iterable[ValueSet]) -> Iterator[tuple[str, str]]:
    """Every ingredient, brand and regimen as folded words, with the ingredient or regimen that it stands for."""
    concepts = [concept for value_set in drugs for concept in value_set.concepts.values() if concept.ingredient]
    brands = [(concept.display, concept.ingredient) for concept in concepts if concept.tty == _BRAND]
    named = {(fold_words(name), drug) for name, drug in [*((c.ingredient, c.ingredient) for c in concepts), *brands]}
    yield from sorted(named | {(folded, phrase) for value_set in drugs for phrase, folded in value_set.phrases})


@dataclass
class TreatmentReader:
    """Reads the treatments of one chart; what was refused is left in `candidates.left_out`."""

    candidates: Candidates
    sets: TreatmentSets
    _seen: set[tuple[int, str]] = field(default_factory=set)

    @property
    def chart(self) -> Chart:
        """The chart."""
        return self.candidates.context.chart

    def doses(self) -> Iterator[Dose]:
        """Every record that shows a treatment which began by today; plans and drafts do not."""
        kinds = [kind for kind in MEDICATION_KINDS if self.chart.all_of_kind(kind)]
        for value_set in self.sets.drugs if kinds else ():
            for record, concept in self.chart.find(kinds, value_set):
                yield from self._dose(record, concept.ingredient or concept.display, None)
        for record, name in self._named():
            for dose in self._dose(record, name, None):
                yield replace(dose, coded=False)
        for procedure, codes, given, words, names in self.sets.procedures:
            for record, _ in self.chart.find(("Procedure",), codes):
                yield from self._dose(record, procedure.name, procedure)
            for record, _ in self.chart.find(("MedicationAdministration",), given):
                yield from self._dose(record, procedure.name, procedure)
            for record in self.chart.uncoded("Procedure") if words else ():
                if quote(record, self.chart, words):
                    yield from self._dose(record, procedure.name, procedure)
            for record in self.chart.uncoded("MedicationAdministration") if names else ():
                if any(name in folded_name(record, self.chart) for name in names):
                    yield from self._dose(record, procedure.name, procedure)

    def _named(self) -> Iterator[tuple[Record, str]]:
        """Records without a known code whose words name a drug; words find and never decide."""
        for record in (record for kind in MEDICATION_KINDS for record in self.chart.uncoded(kind)):
            folded = folded_name(record, self.chart)
            for name in dict.fromkeys(drug for words, drug in self.sets.names if words in folded):
                yield record, name

    def _dose(self, record: Record, name: str, procedure: LineProcedure | None) -> Iterator[Dose]:
        if (id(record), name) in self._seen or self._only_planned(record):
            return
        self._seen.add((id(record), name))
        candidate = self.candidates.admit(record)
        if candidate is None or candidate.verdict is not Verdict.FITS or candidate.evidence.sensitive:
            return
        start, end, open_end = self._days(candidate)
        if start is not None and start.first > self.candidates.context.as_of:
            self.candidates.leave_out(candidate.evidence, Why.FUTURE_DATED)
            return
        plans = self._plans(record.resource)
        numbers, coded = self._stated(record.resource, plans)
        yield Dose(
            name=name,
            start=start,
            end=end,
            evidence=candidate.evidence,
            shown=_shown(record),
            plans=frozenset(plans),
            numbers=numbers,
            coded=coded,
            procedure=procedure,
            open_end=open_end,
            stopped=self._reason(record.resource),
            intent=self._words(record.resource, self.sets.rules.intent_extensions),
        )

    def _only_planned(self, record: Record) -> bool:
        """A draft, a plan or the order that is being signed: nothing that has been given."""
        if record.reference == self.candidates.context.order.reference:
            return True
        if record.resource.get("intent") in _PROPOSED and _shown(record) is Shown.ORDERED:
            return True
        status = record.resource.get("status")
        return status in _ONLY_PLANNED and not (status == "on-hold" and record.kind in _BEGUN_ON_HOLD)

    def _days(self, candidate: Candidate) -> tuple[Moment | None, Moment | None, bool]:
        """When it may have begun and ended, and whether its end is not told; one that lies ahead is not."""
        record, as_of = candidate.record, self.candidates.context.as_of
        zone = self.chart.zone
        given = _periods(record.resource)
        periods = [(read_moment(p.get("start"), zone), read_moment(p.get("end"), zone)) for p in given]
        told = [moment for pair in periods for moment in pair if moment] or [m for m in [candidate.moment] if m]
        starts = [moment for moment in told if moment.first >= _FIRST_DAY]
        if not starts:
            return None, None, False
        start, end = min(starts, key=_FIRST), max(starts, key=_LAST)
        has_end = any([last for _, last in periods]) if periods else record.kind != "MedicationRequest"
        if end.first > as_of:
            return start, max(start, Moment(as_of, as_of), key=lambda moment: moment.last), True
        return start, end, not has_end

    def _plans(self, resource: Resource) -> dict[str, Resource]:
        """The care plans, episodes and orders that a record stands under, and those of the order it carries out."""
        found: dict[str, Resource] = {}
        order = self.chart.resolve(resource["request"], resource) if "request" in resource else None
        for source in (resource, order) if order else (resource,):
            for link in [link for name in _LINKS if name in source for link in listed(source[name])]:
                _, kind, identifier = split_reference(str(link.get("reference") if isinstance(link, dict) else ""))
                if kind in _PLANS:
                    found[f"{kind}/{identifier}"] = self.chart.resolve(link, source) or {}
        return found

    def _stated(self, resource: Resource, plans: Mapping[str, Resource]) -> tuple[frozenset[int], bool]:
        """The numbers of the line that the record states, else its plans; and whether a deciding code states them."""
        for sources, texts in (([resource], _RECORD_TEXTS), (self._own(plans) if plans else [], _PLAN_TEXTS)):
            if not sources:
                continue
            coded = {number for source in sources for number in self._numbers(source, decides=True)}
            unsure = {number for source in sources for number in self._numbers(source, decides=False)}
            words = [text for source in sources for name in texts if name in source for text in _texts(source[name])]
            worded = {number for text in words for number in self._ordinals(text)}
            if coded or unsure or worded:
                return frozenset(coded or unsure or worded), bool(coded) and not (unsure | worded) - coded
        return frozenset(), False

    def _own(self, plans: Mapping[str, Resource]) -> list[Resource]:
        """The plans that are this patient's and stand."""
        own = []
        for plan in plans.values():
            owned = self.chart.identity.owns(plan.get("subject") or plan.get("patient"), plan)
            if owned and taken_back(plan) is None:
                own.append(plan)
        return own

    def _numbers(self, resource: Resource, *, decides: bool) -> Iterator[int]:
        if "extension" not in resource:
            return
        names = [known.name for known in self.sets.rules.number_extensions if known.decides is decides]
        for value in _extension_values(resource, names):
            for text in [str(value)] if type(value) is int else _texts(value):
                yield from [int(text)] if _NUMBER.fullmatch(text) else self._ordinals(text)

    def _ordinals(self, text: str) -> Iterator[int]:
        folded = fold_words(text)
        for number, words in enumerate(self.sets.rules.number_words, 1):
            if any(word in folded for word in words):
                yield number

    def _reason(self, resource: Resource) -> str:
        """Why it ended, in the chart's own words or as the library names the code."""
        given = [reason for name in _REASONS if name in resource for reason in listed(resource[name])]
        given += _extension_values(resource, self.sets.rules.stop_extensions) if "extension" in resource else ()
        for reason in given:
            known = [c for coded in self.chart.systems.codings(reason) if (c := self.sets.stop_reasons.find(coded))]
            if words := [*_texts(reason), *(concept.display for concept in known)]:
                return clip(words[0])
        return ""

    def _words(self, resource: Resource, names: tuple[str, ...]) -> str:
        values = _extension_values(resource, names) if "extension" in resource else ()
        texts = [text for value in values for text in _texts(value)]
        return clip(texts[0]) if texts else ""


def _shown(record: Record) -> Shown:
    """How sure it is that it was given: an administration that took place, a report, or only an order."""
    resource = record.resource
    told = resource.get("reportedBoolean") is True or bool(resource.get("reportedReference"))
    shown = _SHOWN.get(record.kind, Shown.REPORTED if told else Shown.ORDERED)
    return shown if shown is not Shown.GIVEN or resource.get("status") in _HAPPENED else Shown.REPORTED


def _periods(resource: Resource) -> list[Mapping[str, Any]]:
    periods = [resource[name] for name in _PERIODS if name in resource]
    for dosage in listed(resource.get("dosageInstruction")):
        timing = dosage.get("timing") if isinstance(dosage, dict) else None
        repeat = timing.get("repeat") if isinstance(timing, dict) else None
        periods.append(repeat.get("boundsPeriod") if isinstance(repeat, dict) else None)
    return [period for period in periods if isinstance(period, dict)]


def _extension_values(resource: Resource, names: Any) -> Iterator[Any]:
    """The values of the extensions whose url ends with one of the names."""
    for extension in listed(resource.get("extension")):
        if isinstance(extension, dict) and str(extension.get("url", "")).rsplit("/", 1)[-1] in names:
            yield from (value for key, value in extension.items() if key.startswith("value"))


def _texts(value: Any) -> list[str]:
    """The words of a text, a concept, or a list of either."""
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else concept_texts(value)
