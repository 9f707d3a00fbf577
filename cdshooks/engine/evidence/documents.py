"""`document`, `report` and `procedure`: papers, reports and what was done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.chart import Chart, Record
from cdshooks.engine.evidence.candidates import Candidate, Candidates, Verdict, weighed
from cdshooks.engine.evidence.context import Check, Compiler, Context, as_list, window_of
from cdshooks.engine.evidence.judge import judge
from cdshooks.engine.model import Explanation
from cdshooks.engine.records import folded_texts, quote, specimen_texts
from cdshooks.engine.valuesets import Concept, ValueSet

_REQUEST, _NOTE = "request", "note"


def compile_document(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """A document by `type`, or by words in its `title` (which only ask); never one of `not_type`.

    A type that does not decide counts as a question: a note always, any other only when its title
    carries the words. A request for the document is not the document.
    """
    types, not_types = compiler.union(as_list(filters.get("type"))), as_list(filters.get("not_type"))
    refused = compiler.union(not_types) if not_types else None
    words, say = compiler.sets(filters.get("title")), compiler.wording.say
    kinds = compiler.reads("DocumentReference")
    what, name = say("evidence.document", type=types.title), say("evidence.kinds.DocumentReference")

    def verdict(record: Record, concept: Concept | None, chart: Chart) -> tuple[Verdict, str] | None:
        if concept is not None and concept.decides:
            return Verdict.FITS, ""
        if concept is not None and concept.role == _REQUEST:
            return Verdict.REQUESTED, concept.why_not
        if words and (title := quote(record, chart, words)):
            return Verdict.ASKS, say("evidence.titled", title=title)
        if concept is not None and concept.role == _NOTE:
            return Verdict.ASKS, concept.why_not
        return None

    def check(context: Context) -> Explanation:
        chart, candidates = context.chart, Candidates(context, compiler.wording)
        typed = {id(record): concept for record, concept in chart.find(("DocumentReference",), types)}
        never = {id(record) for record, _ in chart.find(("DocumentReference",), refused)} if refused else ()
        for record in chart.all_of_kind("DocumentReference"):
            if id(record) not in never and (said := verdict(record, typed.get(id(record)), chart)):
                candidates.add(_document(candidates, record, said, compiler))
        for record, concept in chart.find(("DiagnosticReport",), types):
            if said := verdict(record, concept, chart):
                candidates.add(_document(candidates, record, said, compiler))
        looked = say("evidence.looked_at", count=len(chart.all_of_kind("DocumentReference")))
        return judge(candidates, what, kinds, kind_name=name, looked=looked)

    return check


def _document(
    candidates: Candidates, record: Record, verdict: tuple[Verdict, str], compiler: Compiler
) -> Candidate | None:
    candidate = candidates.admit(record)
    if candidate is None or candidate.verdict is not Verdict.FITS:
        return candidate
    if candidate.moment is None:
        return candidates.undated(candidate)
    other = _other_product(record, candidates.context, compiler)
    if verdict[0] is Verdict.FITS and other:
        return replace(candidate, verdict=Verdict.ASKS, why=compiler.wording.say("evidence.names_other", product=other))
    return replace(candidate, verdict=verdict[0], why=verdict[1])


def _other_product(record: Record, context: Context, compiler: Compiler) -> str:
    """A product that a document's title names although another one is ordered."""
    named = [product for product, _ in compiler.products.named_in(folded_texts(record, context.chart))]
    if context.product is None or not named or context.product in named:
        return ""
    return named[0].brand


def _mentioned(texts: list[str], words: list[ValueSet]) -> bool:
    return any(value_set.mentions(text) for text in texts for value_set in words)


def compile_report(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """A report by `code` in a window; `text` words must stand in it, `specimen` words in its specimen.

    Another specimen under the code is not evidence. Looked for as DiagnosticReport, as document of
    that type, and as Observation; absence is claimed over reports and documents. Without `code`, any
    report or document with the words: for a hint.
    """
    code, window, say = compiler.union(as_list(filters.get("code"))), window_of(filters), compiler.wording.say
    words, specimens = compiler.sets(filters.get("text")), compiler.sets(filters.get("specimen"))
    kinds, kind_name = compiler.reads("DiagnosticReport", "DocumentReference"), say("evidence.kinds.DiagnosticReport")
    any_date = say("evidence.any_date")

    def check(context: Context) -> Explanation:
        chart, candidates = context.chart, Candidates(context, compiler.wording, window)
        for record, concept in _under(chart, kinds, code, "Observation"):
            named = specimen_texts(record, chart)
            if specimens and named and not _mentioned(named, specimens):
                continue
            if words and not (quote(record, chart, words) or _mentioned(named, words)):
                continue
            candidate = candidates.admit(record, concept)
            candidates.add(weighed(candidate, concept) if concept else candidate)
        what = say("evidence.report", code=_name(code, words), counts=candidates.counting(any_date))
        return judge(candidates, what, kinds, kind_name=kind_name)

    return check


def compile_procedure(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """A procedure by `code`, or by words in its `text`, in a window, with `status` (completed, unless told).

    Words find a procedure that no code of the set names: for a hint.
    """
    status, words = filters.get("status", "completed"), compiler.sets(filters.get("text"))
    code, window, say = compiler.union(as_list(filters.get("code"))), window_of(filters), compiler.wording.say
    kinds, kind_name = compiler.reads("Procedure"), say("evidence.kinds.Procedure")
    any_date = say("evidence.any_date")

    def check(context: Context) -> Explanation:
        candidates = Candidates(context, compiler.wording, window)
        for record, concept in _under(context.chart, kinds, code):
            if words and not quote(record, context.chart, words):
                continue
            candidate = candidates.admit(record, concept)
            if candidate and record.resource.get("status") != status:
                continue
            candidates.add(weighed(candidate, concept) if concept else candidate)
        what = say("evidence.procedure", code=_name(code, words), counts=candidates.counting(any_date))
        return judge(candidates, what, kinds, kind_name=kind_name)

    return check


def _under(chart: Chart, kinds: tuple[str, ...], code: ValueSet, *also: str) -> Iterable[tuple[Record, Concept | None]]:
    """The records under a code with their concept, `also` of other kinds; where no code is asked for, every record."""
    if code.concepts or code.prefixes:
        return chart.find((*kinds, *also), code)
    return ((record, None) for kind in kinds for record in chart.all_of_kind(kind))


def _name(code: ValueSet, words: list[ValueSet]) -> str:
    """What is looked for, in words for the explanation."""
    return code.title or " or ".join(word_set.title for word_set in words)
