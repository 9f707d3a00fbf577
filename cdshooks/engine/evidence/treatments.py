"""`therapy` and `prior_infusion`: what was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.chart import MEDICATION_KINDS, Record
from cdshooks.engine.dates import Moment, Period
from cdshooks.engine.evidence.candidates import Candidate, Candidates, Verdict, falls_under, newest_first
from cdshooks.engine.evidence.context import Check, Compiler, Context
from cdshooks.engine.evidence.judge import judge
from cdshooks.engine.evidence.lines import compile_lines, tell_lines
from cdshooks.engine.model import Explanation, Gap, ProductId, TreatmentLine
from cdshooks.engine.products import Product
from cdshooks.engine.records import folded_name, is_unconfirmed, names_of, quote
from cdshooks.engine.valuesets import Concept, ValueSet

_GIVEN = ("MedicationAdministration",)
_UNFINISHED = ("in-progress", "stopped", "on-hold", "unknown", "preparation")


def compile_therapy(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """Earlier treatment lines and drug classes: what the chart shows of them is listed and asked.

    True only where the chart itself numbers enough lines by codes that may decide, nothing disagrees, something
    was given or reported in each, and every class is among them under a code that decides; then nothing else may
    be asked. Lines counted from dates are never proof, and a class that is not found is never "not given".
    """
    say, asks, needed = compiler.wording.say, filters.get("asks", ""), filters["lines_at_least"]
    classes = compiler.sets(filters.get("classes"))
    treatments = compile_lines(compiler, classes)
    names = " + ".join(s.title for s in classes)
    incl = names and f" incl. {names}"
    what = say("evidence.therapy", lines=needed, classes=incl, asks=asks)

    def check(context: Context) -> Explanation:
        seen = treatments(context)
        listed = tell_lines(seen.earlier, compiler.wording)
        undated = [name for line in seen.lines if line not in seen.earlier for name in line.regimen]
        listed = "; ".join(part for part in (listed, ", ".join(undated)) if part)
        found = say("evidence.therapy_found", drugs=listed) if listed else say("evidence.therapy_none")
        proven = [line for line in seen.earlier if _proven(line)]
        if not asks and len(proven) >= needed and all(_deciding(one, proven, context) for one in classes):
            return Explanation(True, what, found, evidence=seen.evidence, left_out=seen.left_out, lines=seen.lines)
        lines = say("evidence.lines", lines=needed, classes=incl)
        told = "; ".join(part for part in (lines, asks, found) if part)
        return Explanation(None, what, told, Gap.ATTEST, left_out=seen.left_out, lines=seen.lines)

    return check


def _proven(line: TreatmentLine) -> bool:
    """True for a line that the chart numbers by a deciding code, in which something was given or reported."""
    return line.coded and not line.disagrees and set(line.only_ordered) < set(line.regimen)


def _deciding(drugs: ValueSet, lines: list[TreatmentLine], context: Context) -> bool:
    """True when a drug of the class was given or reported in one of the lines, under a code that decides."""
    given = {item.reference for line in lines for item in line.evidence}
    kinds = [kind for kind in MEDICATION_KINDS if kind != "MedicationRequest"]
    return any(c.decides and record.reference in given for record, c in context.chart.find(kinds, drugs))


def compile_prior_infusion(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """Another CAR-T given earlier: an infusion procedure, an administration, or a coded history of it.

    True for a completed one of another product (or of one that the code does not name) or a deciding
    history code; the same product within `same_course` days before the service date is the same
    course, and so is a history first recorded on or after that infusion. The same product outside a
    course, stopped or unfinished infusions, orders without administration, codes that only ask and
    names in free text (in a diagnosis also the words of `named`) are for a person. The current order is
    not an earlier treatment, and nothing under a code of `not_treatment` (the collection of cells) is.
    """
    history, course = compiler.union(filters["history"]), Period.parse(filters["same_course"])
    kinds = compiler.reads("Procedure", "Condition", "MedicationRequest")
    what, name = compiler.wording.say("evidence.prior_infusion"), compiler.wording.say("evidence.kinds.infusion")
    given, told = _given(filters, compiler), _told_in_words(filters, compiler)

    def check(context: Context) -> Explanation:
        candidates = Candidates(context, compiler.wording)
        same_course: list[Candidate] = []
        for record, concept in given(context):
            candidate = candidates.admit(record, concept)
            if candidate is None or _is_the_order(record, context, compiler):
                continue
            judged = _infused(candidate, concept, context, course, compiler)
            if judged is None:
                same_course += [candidate] if candidate.moment else []
            candidates.add(judged)
        for record, concept in context.chart.find(("Condition",), history):
            candidate = candidates.admit(record, concept)
            if candidate and not _recorded_in_course(candidate.moment, same_course):
                candidates.add(_told(candidate, concept, compiler))
        for record in told(context):
            candidate = candidates.in_words(record)
            if candidate and not _recorded_in_course(candidate.moment, same_course):
                candidates.add(candidate)
        found = judge(candidates, what, kinds, kind_name=name)
        return _with_course(found, same_course, context, compiler) if found.gap is Gap.MISSING else found

    return check


def _given(
    filters: Mapping[str, Any], compiler: Compiler
) -> Callable[[Context], Iterator[tuple[Record, Concept | None]]]:
    """Every record that says by code or in words that cells were given; the collection of cells is none."""
    procedure, medication = compiler.union(filters["procedure"]), compiler.union(filters["medication"])
    never = compiler.sets(filters.get("not_treatment"))

    def given(context: Context) -> Iterator[tuple[Record, Concept | None]]:
        chart = context.chart
        found: list[tuple[Record, Concept | None]] = [
            *chart.find(("Procedure",), procedure),
            *chart.find(MEDICATION_KINDS, medication),
            *((record, None) for record in _named(context, compiler)),
        ]
        for record, concept in found:
            if not any(s.find(coded) for coded in chart.codes_of(record) for s in never):
                yield record, concept

    return given


def _told_in_words(filters: Mapping[str, Any], compiler: Compiler) -> Callable[[Context], Iterator[Record]]:
    """Every diagnosis without a history code whose words name a CAR-T; a relative's is none."""
    words, products = compiler.sets(filters.get("named")), compiler.products
    apart = [*compiler.sets(filters["history"]), *compiler.sets(list(products.of_relatives))]

    def told(context: Context) -> Iterator[Record]:
        chart = context.chart
        for record in chart.all_of_kind("Condition") if words else ():
            named = quote(record, chart, words) or products.named_in(folded_name(record, chart))
            if named and not falls_under(record, chart, apart):
                yield record

    return told


def _infused(
    candidate: Candidate, concept: Concept | None, context: Context, course: Period, compiler: Compiler
) -> Candidate | None:
    """The candidate with its verdict; None when it belongs to the course that is being ordered."""
    if candidate.verdict is not Verdict.FITS:
        return candidate
    verdict, why = _infusion(candidate.record, candidate.moment, context, course, compiler)
    if verdict is None:
        return None
    if verdict is Verdict.FITS and not (concept is not None and concept.decides):
        verdict, why = Verdict.ASKS, concept.why_not if concept else compiler.wording.say("evidence.free_text")
    return replace(candidate, verdict=verdict, why=why, leading=verdict is Verdict.ASKS)


def _told(candidate: Candidate, concept: Concept, compiler: Compiler) -> Candidate:
    """A history code: one that does not decide, or is not confirmed, only asks."""
    if candidate.verdict is Verdict.FITS and (not concept.decides or is_unconfirmed(candidate.record)):
        why = concept.why_not or compiler.wording.say("evidence.unconfirmed")
        return replace(candidate, verdict=Verdict.ASKS, why=why, leading=True)
    return candidate


def _with_course(
    nothing: Explanation, same_course: list[Candidate], context: Context, compiler: Compiler
) -> Explanation:
    """Nothing but an infusion of the course that is being ordered: said, and still asked."""
    if not same_course:
        return nothing
    newest = newest_first(same_course)[0]
    product = context.product.brand if context.product else ""
    words = compiler.wording.say("evidence.same_course", product=product, date=newest.moment)
    return replace(nothing, gap=Gap.ATTEST, found=words, evidence=(newest.evidence,))


def _named(context: Context, compiler: Compiler) -> Iterator[Record]:
    """Medication records and procedures that name a product in words under no code of ours."""
    products, chart = compiler.products, context.chart
    for kind in ("Procedure", *MEDICATION_KINDS):
        for record in chart.all_of_kind(kind):
            if products.named_in(folded_name(record, chart)) and not products.coded(chart.codes_of(record)):
                yield record


def _is_the_order(record: Record, context: Context, compiler: Compiler) -> bool:
    """True for the order that is being signed, and for open requests of the same product."""
    if record.reference == context.order.reference:
        return True
    if record.kind != "MedicationRequest" or record.resource.get("status") == "completed":
        return False
    return _products_of(record, context, compiler) == {_ordered(context.product)}


def _products_of(record: Record, context: Context, compiler: Compiler) -> set[ProductId]:
    chart = context.chart
    return compiler.products.identified(chart.codes_of(record), names_of(record, chart))


def _infusion(
    record: Record, moment: Moment | None, context: Context, course: Period, compiler: Compiler
) -> tuple[Verdict | None, str]:
    """The verdict on one infusion; None when it belongs to the course that is being ordered."""
    say, status = compiler.wording.say, record.resource.get("status")
    if record.kind not in ("Procedure", *_GIVEN):
        return Verdict.ASKS, say("evidence.order_only")
    if status != "completed":
        return Verdict.ASKS, say("evidence.unfinished", status=status)
    named, ordered = _products_of(record, context, compiler), _ordered(context.product)
    within = moment is not None and course.before(context.service_date) <= moment.first <= context.service_date
    if ordered in named and len(named) == 1:
        return (None, "") if within else (Verdict.ASKS, say("evidence.same_product"))
    if not named and within:
        return Verdict.ASKS, say("evidence.maybe_same_course")
    return Verdict.FITS, ""


def _ordered(product: Product | None) -> str:
    return str(product.id) if product else ""


def _recorded_in_course(moment: Moment | None, same_course: list[Candidate]) -> bool:
    infused = [candidate.moment.first for candidate in same_course if candidate.moment]
    return moment is not None and any(moment.first >= day for day in infused)
