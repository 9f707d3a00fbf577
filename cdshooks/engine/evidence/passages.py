"""`passage`: what a report says in words; it is quoted for a person and decides nothing."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from cdshooks.engine.chart import Chart, Record
from cdshooks.engine.evidence.candidates import Candidate, Candidates, Verdict, turned
from cdshooks.engine.evidence.context import Check, Compiler, Context
from cdshooks.engine.evidence.judge import judge
from cdshooks.engine.identity import listed
from cdshooks.engine.model import Explanation
from cdshooks.engine.records import all_texts, clip, document_titles, names_of
from cdshooks.engine.valuesets import Concept, ValueSet

_AROUND = 50
_LONGEST_TEXT = 200_000


def compile_passage(filters: Mapping[str, Any], compiler: Compiler) -> Check:
    """A report under `code` whose text names one of `words`: quoted and asked, never more than that.

    Without `words` the report itself is asked about, with the beginning of its conclusion.
    `concludes`: a coded conclusion of these sets is more than words, and decides; one of `disputed_by`, of
    the same day or later, is shown beside it and asked. A report whose text was not sent could not be
    looked through; with `needs_text` it is passed over. `named`: words by whose name or title a report is
    found that has none of the codes.
    """
    code, say = compiler.union(filters["code"]), compiler.wording.say
    words, concludes = compiler.sets(filters.get("words")), compiler.sets(filters.get("concludes"))
    disputing, named = compiler.sets(filters.get("disputed_by")), compiler.sets(filters.get("named"))
    patterns = [_pattern(folded) for value_set in words for _, folded in value_set.phrases]
    kinds = compiler.reads("DiagnosticReport", "DocumentReference")
    names = " or ".join(s.title for s in words)
    kind_name = say(f"evidence.kinds.{'passage' if names else 'DiagnosticReport'}", words=names)
    what = say("evidence.passage", code=code.title, words=names and f": {names}")

    def verdict(record: Record, concept: Concept | None, chart: Chart) -> tuple[Verdict, str] | None:
        if _concludes(record, chart, concludes):
            return Verdict.FITS, ""
        own = list(body_texts(record))
        if not patterns:
            quoted = say("evidence.quoted", quote=clip(own[0])) if own else concept and concept.why_not
            return Verdict.ASKS, quoted or say("evidence.to_read")
        if words_around := _first_quote([*own, *all_texts(record, chart)], patterns):
            return Verdict.ASKS, say("evidence.quoted", quote=clip(words_around))
        if filters.get("needs_text") or (own and not _text_elsewhere(record)):
            return None
        return Verdict.UNREAD, say("evidence.text_not_sent")

    def check(context: Context) -> Explanation:
        candidates = Candidates(context, compiler.wording)
        coded = context.chart.find((*kinds, "Observation"), code)
        for record, concept in (*coded, *_named(coded, kinds, named, context.chart)):
            if said := verdict(record, concept, context.chart):
                candidates.add(_concluding(turned(candidates.admit(record, concept), *said), context.chart, disputing))
        return judge(candidates, what, kinds, kind_name=kind_name)

    return check


def _named(
    coded: list[tuple[Record, Concept]], kinds: Iterable[str], words: list[ValueSet], chart: Chart
) -> Iterator[tuple[Record, None]]:
    """The reports and documents under other codes, or none, that the words name."""
    own = {id(record) for record, _ in coded}
    for record in (record for kind in kinds for record in chart.all_of_kind(kind) if words):
        titles = [*names_of(record, chart), *document_titles(record.resource)]
        if id(record) not in own and any(word_set.mentions(title) for word_set in words for title in titles):
            yield record, None


def _concluding(candidate: Candidate | None, chart: Chart, disputing: list[ValueSet]) -> Candidate | None:
    """The candidate with which disease its coded conclusion names: the one that is asked for, or another."""
    if candidate is None or candidate.verdict not in (Verdict.FITS, Verdict.ASKS):
        return candidate
    other = _concludes(candidate.record, chart, disputing)
    says = "other" if other else "asked for" if candidate.verdict is Verdict.FITS else ""
    return replace(candidate, about="conclusion", says=says)


def _concludes(record: Record, chart: Chart, sets: Iterable[ValueSet]) -> bool:
    codes = chart.systems.codings(record.resource.get("conclusionCode"))
    return any((found := s.find(coded)) and found.decides for s in sets for coded in codes)


def _pattern(folded: str) -> re.Pattern[str]:
    """Whole words in their order, whatever stands between them."""
    words = r"[^a-z0-9]{1,3}".join(re.escape(word) for word in folded.split())
    return re.compile(rf"(?<![a-z0-9]){words}(?![a-z0-9])", re.IGNORECASE)


def _first_quote(texts: Iterable[str], patterns: list[re.Pattern[str]]) -> str | None:
    """The words and what stands around them."""
    for text in texts:
        for pattern in patterns:
            if match := pattern.search(text):
                start, end = max(0, match.start() - _AROUND), match.end() + _AROUND
                return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
    return None


def body_texts(record: Record) -> Iterator[str]:
    """What a report says: its conclusion, a result in words, its notes, and text that came with it."""
    body = record.body
    texts = [body.get("conclusion"), body.get("valueString")]
    texts += [note.get("text") for note in listed(body.get("note")) if isinstance(note, dict)]
    texts += [_decoded(attachment) for attachment in _attachments(record)]
    yield from (text for text in texts if isinstance(text, str) and text.strip())


def _attachments(record: Record) -> Iterator[Mapping[str, Any]]:
    for item in [*listed(record.resource.get("presentedForm")), *listed(record.resource.get("content"))]:
        attachment = item.get("attachment", item) if isinstance(item, dict) else None
        if isinstance(attachment, dict):
            yield attachment


def _decoded(attachment: Mapping[str, Any]) -> str | None:
    """The text of an attachment that carries plain text; None for any other."""
    data, kind = attachment.get("data"), str(attachment.get("contentType", ""))
    if not isinstance(data, str) or not kind.startswith("text/plain") or len(data) > _LONGEST_TEXT:
        return None
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _text_elsewhere(record: Record) -> bool:
    """True when a part of the report lies where it could not be read (a PDF, an address)."""
    return any(_decoded(attachment) is None for attachment in _attachments(record))
