"""Reading a laboratory result as positive or negative, from codes and whole result words only.

Numbers are never turned into a result: no threshold is known here. Two readings that disagree
within one record, weak and indeterminate results are for a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from cdshooks.engine.chart import Chart, Record
from cdshooks.engine.codes import concept_texts
from cdshooks.engine.identity import listed
from cdshooks.engine.valuesets import Concept, ValueSet, result_tokens


class Reading(Struct, frozen=True):
    """One result: the ids of the value sets that it fell into, whether surely, and its own words."""

    sets: frozenset[str]
    sure: bool
    words: str

    @property
    def readable(self) -> bool:
        """True when the result fell into any of the sets."""
        return bool(self.sets)


def read_result(record: Record, chart: Chart, value_sets: Iterable[ValueSet]) -> Reading:
    """Read the value and the interpretation of an Observation (or component) against the sets."""
    sets = list(value_sets)
    body = record.body
    values = body.get("valueCodeableConcept")
    hits = [*_coded_hits(values, chart, sets), *_coded_hits(body.get("interpretation"), chart, sets)]
    texts = [t for t in [body.get("valueString"), *concept_texts(values)] if isinstance(t, str)]
    hits += [hit for text in texts for hit in _word_hits(text, sets)]
    found = frozenset(set_id for set_id, _ in hits)
    return Reading(found, len(found) == 1 and all(sure for _, sure in hits), value_words(body))


def has_members(record: Record, chart: Chart) -> bool:
    """True for a panel or report whose results are in the chart: they speak for themselves."""
    if record.part is not None:
        return False
    if record.resource.get("component"):
        return True
    members = [*listed(record.resource.get("hasMember")), *listed(record.resource.get("result"))]
    return any(chart.resolve(member, record.resource) is not None for member in members)


def spoilt(record: Record, words: Iterable[ValueSet]) -> bool:
    """True when the result's own words take back what they say ("not confirmed", "specimen rejected")."""
    texts = [record.body.get("valueString"), *concept_texts(record.body.get("valueCodeableConcept"))]
    return any(value_set.mentions(text) for value_set in words for text in texts if isinstance(text, str))


def _coded_hits(concept: Any, chart: Chart, sets: list[ValueSet]) -> list[tuple[str, bool]]:
    return [
        _hit(value_set, found)
        for coded in chart.systems.codings(concept)
        for value_set in sets
        if (found := value_set.find(coded))
    ]


def _word_hits(text: str, sets: list[ValueSet]) -> list[tuple[str, bool]]:
    """What a result text says; it must begin with a result word, so that no negation is read over."""
    tokens = result_tokens(text)
    if not tokens or not any(tokens[0] in value_set.words for value_set in sets):
        return []
    return [_hit(value_set, found) for token in tokens for value_set in sets if (found := value_set.words.get(token))]


def _hit(value_set: ValueSet, concept: Concept) -> tuple[str, bool]:
    return value_set.id, concept.decides


def value_words(body: Mapping[str, Any]) -> str:
    """A result in the chart's own words: its text, code or number with unit."""
    if texts := concept_texts(body.get("valueCodeableConcept")):
        return texts[0]
    quantity = body.get("valueQuantity")
    if isinstance(quantity, Mapping) and quantity.get("value") is not None:
        unit = quantity.get("unit") or quantity.get("code") or ""
        return f"{quantity.get('comparator') or ''}{quantity['value']} {unit}".strip()
    for name in ("valueString", "valueInteger", "valueBoolean", "valueDateTime"):
        if body.get(name) is not None:
            return str(body[name])
    texts = [text for item in listed(body.get("interpretation")) for text in concept_texts(item)]
    return texts[0] if texts else ""
