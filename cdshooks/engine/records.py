"""What one record may be used for: its status, its date, its words, its author.

The status words are FHIR's own; everything that depends on a terminology stands in the library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from cdshooks.engine.chart import Chart, Record, concept_of
from cdshooks.engine.codes import coding_list, concept_texts
from cdshooks.engine.dates import Moment, read_moment
from cdshooks.engine.identity import listed
from cdshooks.engine.issuers import issuer_of
from cdshooks.engine.model import Evidence, Resource, Why
from cdshooks.engine.valuesets import Concept, ValueSet, fold_words

_REFUSED = {
    "entered-in-error": Why.ENTERED_IN_ERROR,
    "not-done": Why.NOT_DONE,
    "not-taken": Why.NOT_DONE,
    "cancelled": Why.CANCELLED,
    "revoked": Why.CANCELLED,
    "superseded": Why.CANCELLED,
    "refuted": Why.REFUTED,
}
_FINAL = {
    "Observation": ("final", "amended", "corrected"),
    "DiagnosticReport": ("final", "amended", "corrected", "appended"),
}
_DATE_FIELDS = {
    "Observation": ("effectiveDateTime", "effectiveInstant", "effectivePeriod", "effectiveTiming"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod"),
    "Procedure": ("performedDateTime", "performedPeriod", "performed", "occurrenceDateTime", "occurrencePeriod"),
    "Condition": ("onsetDateTime", "onsetPeriod", "recordedDate", "assertedDate", "dateRecorded"),
    "MedicationRequest": ("authoredOn",),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod", "occurenceDateTime", "occurencePeriod"),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "ServiceRequest": ("occurrenceDateTime", "occurrencePeriod", "occurrenceTiming"),
}
_NOT_DONE = ("doNotPerform", "notDone", "wasNotGiven")
_UNCONFIRMED = {"unconfirmed", "provisional", "differential"}
_ABSENT_DATA = "dataAbsentReason"
_LONGEST_TEXT = 120
_Found = TypeVar("_Found")


def status_words(resource: Resource) -> list[str]:
    """Every status-like word of a resource, lower-case: status, docStatus and verificationStatus."""
    words = [resource.get("status"), resource.get("docStatus")]
    if "verificationStatus" in resource:
        words += code_words(resource["verificationStatus"])
    for name in _NOT_DONE:
        if name in resource and resource[name] is True:
            words.append("not-done")
    return [word.strip().lower() for word in words if isinstance(word, str)]


def code_words(concept: Any) -> list[str]:
    """The codes of a status concept, whether it is a word, a Coding or a CodeableConcept."""
    if isinstance(concept, str):
        return [concept.lower()]
    words = [c.get("code") for c in coding_list(concept) if isinstance(c, dict)]
    if isinstance(concept, dict) and not words:
        words = [concept.get("text")]
    return [word.strip().lower() for word in words if isinstance(word, str)]


def is_unconfirmed(record: Record) -> bool:
    """True for a diagnosis that is only suspected: unconfirmed, provisional or differential."""
    return bool(_UNCONFIRMED & set(code_words(record.resource.get("verificationStatus"))))


def taken_back(resource: Resource) -> Why | None:
    """Why the status of a resource keeps it from ever being evidence; None when it may be."""
    for word in status_words(resource):
        if word in _REFUSED:
            return _REFUSED[word]
    return None


def unread_reason(record: Record) -> tuple[str, Why] | None:
    """Why a record cannot be relied on yet though it is there; None when it can."""
    if record.owned is None:
        return "whose record it is cannot be told", Why.UNREADABLE
    status = record.resource.get("status")
    if record.kind in _FINAL and status not in _FINAL[record.kind]:
        return (f"its status is {status}" if isinstance(status, str) else "it has no status"), Why.PRELIMINARY
    if record.kind == "DocumentReference" and record.resource.get("docStatus") == "preliminary":
        return "it is a draft", Why.PRELIMINARY
    if record.kind == "Observation" and record.body.get(_ABSENT_DATA):
        return "its result is given as absent", Why.UNREADABLE
    return None


def once(work: Callable[[Record, Chart], _Found], record: Record, chart: Chart, key: object = None) -> _Found:
    """What `work` (or any of the same `key`) finds in a record, worked out once per chart, for many criteria ask it."""
    at = (key or work, id(record))
    kept = chart.worked_out.get(at)
    if kept is None or kept[0] is not record:
        kept = chart.worked_out[at] = (record, work(record, chart))
    found: _Found = kept[1]
    return found


class Seen(Struct, frozen=True):
    """What a record is whatever it is asked: its day, the evidence it makes by itself, what its status takes away."""

    moment: Moment | None
    evidence: Evidence
    taken_back: Why | None
    unread: tuple[str, Why] | None
    named: bool

    def refused(self, as_of: date) -> Why | None:
        """Why it can never be evidence: its status, or that it is dated after `as_of`; None when it may be."""
        if self.taken_back is None and self.moment is not None and self.moment.first > as_of:
            return Why.FUTURE_DATED
        return self.taken_back

    def showing(self, value: str, concept: Concept | None = None) -> Evidence:
        """The evidence with a value; one without words of its own is named by a `concept`, a sensitive one by none."""
        title, evidence = self.evidence.display, self.evidence
        if concept is not None and concept.sensitive and not evidence.sensitive:
            evidence = replace(evidence, sensitive=True)
        if concept is not None and not self.named:
            title = clip(f"{concept.display} ({concept.coded[1]})")
        elif not value:
            return evidence
        return replace(evidence, display=f"{title}: {value}" if value else title)


def seen_in(record: Record, chart: Chart) -> Seen:
    """What a record is, seen once per chart."""
    return once(_seen, record, chart)


def _seen(record: Record, chart: Chart) -> Seen:
    moment, issuer = moment_of(record, chart), issuer_of(record, chart)
    evidence = Evidence(
        reference=record.reference,
        date=str(moment) if moment else None,
        display=clip(title_of(record, chart)),
        source=clip(issuer.name) if issuer else None,
        laboratory=issuer is not None and issuer.laboratory,
        sensitive=chart.systems.is_labelled(record.resource),
    )
    named = evidence.display != record.kind
    return Seen(moment, evidence, taken_back(record.resource), unread_reason(record), named)


def moment_of(record: Record, chart: Chart) -> Moment | None:
    """When the thing happened: collection or performance first, then issue; never lastUpdated."""
    resource = record.resource
    if record.kind == "DocumentReference":
        return _document_moment(resource, chart)
    for name in _DATE_FIELDS.get(record.kind, ()):
        if moment := _read(resource.get(name), chart):
            return moment
    for reference in listed(resource.get("specimen")):
        specimen = chart.resolve(reference, resource)
        collection = specimen.get("collection") if specimen else None
        if isinstance(collection, dict):
            for name in ("collectedDateTime", "collectedPeriod"):
                if moment := _read(collection.get(name), chart):
                    return moment
    if record.kind in _FINAL:
        return _read(resource.get("issued"), chart)
    return None


def _document_moment(resource: Resource, chart: Chart) -> Moment | None:
    context = resource.get("context")
    if isinstance(context, dict) and (moment := _read(context.get("period"), chart)):
        return moment
    if moment := _read(resource.get("date") or resource.get("created") or resource.get("indexed"), chart):
        return moment
    for content in listed(resource.get("content")):
        attachment = content.get("attachment") if isinstance(content, dict) else None
        if isinstance(attachment, dict) and (moment := _read(attachment.get("creation"), chart)):
            return moment
    return None


def _read(value: Any, chart: Chart) -> Moment | None:
    if isinstance(value, str):
        return read_moment(value, chart.zone)
    if isinstance(value, dict):
        event = listed(value.get("event"))
        start = read_moment(value.get("start") or (event[0] if event else None), chart.zone)
        end = read_moment(value.get("end"), chart.zone)
        return start.until(end) if start and end else start or end
    return None


def title_of(record: Record, chart: Chart) -> str:
    """The words that name a record: for a document its description, title and type."""
    titles = document_titles(record.resource) if record.kind == "DocumentReference" else None
    texts = titles or names_of(record, chart)
    return texts[0] if texts else record.kind


def names_of(record: Record, chart: Chart) -> list[str]:
    """The words of what a record is about; not to be changed."""
    return once(_names, record, chart)[0]


def _names(record: Record, chart: Chart) -> tuple[list[str], str]:
    """The words of what a record is about, and the same folded."""
    texts = concept_texts(concept_of(record, chart))
    return texts, "".join(map(fold_words, texts))


def document_titles(resource: Resource) -> list[str]:
    """Description and attachment titles of a DocumentReference."""
    titles = [resource.get("description")]
    for content in listed(resource.get("content")):
        attachment = content.get("attachment") if isinstance(content, dict) else None
        if isinstance(attachment, dict):
            titles.append(attachment.get("title"))
    return [title for title in titles if isinstance(title, str) and title.strip()]


def all_texts(record: Record, chart: Chart) -> list[str]:
    """Every short text in which a document, report or order says what it is about."""
    resource = record.resource
    texts = [*names_of(record, chart)]
    if record.kind == "DocumentReference":
        texts += document_titles(resource)
    if record.kind == "DiagnosticReport":
        texts += [resource["conclusion"]] if isinstance(resource.get("conclusion"), str) else []
        for form in listed(resource.get("presentedForm")):
            if isinstance(form, dict) and isinstance(form.get("title"), str):
                texts.append(form["title"])
    return texts


def quote(record: Record, chart: Chart, words: Iterable[ValueSet]) -> str | None:
    """The first of a record's texts that names one of the words, cut short; None when none does."""
    joined, texts = once(_folded, record, chart)
    for value_set in words:
        if value_set.names(joined):
            return next(clip(text) for text, folded in texts if value_set.names(folded))
    return None


def folded_texts(record: Record, chart: Chart) -> str:
    """All texts of a record, folded; two blanks part one from the next."""
    return once(_folded, record, chart)[0]


def folded_name(record: Record, chart: Chart) -> str:
    """The words that say what a record is about, folded; two blanks part one text from the next."""
    return once(_names, record, chart)[1]


def _folded(record: Record, chart: Chart) -> tuple[str, list[tuple[str, str]]]:
    """All texts of a record, folded, and each beside its folded words."""
    texts = [(text, fold_words(text)) for text in all_texts(record, chart)]
    return "".join(folded for _, folded in texts), texts  # no phrase spans two texts: two blanks part them


def specimen_texts(record: Record, chart: Chart) -> list[str]:
    """What the record says its specimen or body site is; [] when it does not say."""
    texts = concept_texts(record.resource.get("bodySite"))
    for reference in listed(record.resource.get("specimen")):
        if not isinstance(reference, dict):
            continue
        if isinstance(reference.get("display"), str):
            texts.append(reference["display"])
        if specimen := chart.resolve(reference, record.resource):
            texts += concept_texts(specimen.get("type"))
    return texts


def clip(text: str) -> str:
    """Chart text on one line and no longer than a reader wants it."""
    line = " ".join(text.split()) if text else ""
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"
