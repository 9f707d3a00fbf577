"""Reading a laboratory result as positive or negative, from codes and whole result words only.

Numbers are never turned into a result: no threshold is known here. Two readings that disagree
within one record, weak and indeterminate results are for a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec import Struct

from cdshooks.engine.chart import Chart, Record
from cdshooks.engine.codes import Coded, concept_texts
from cdshooks.engine.identity import listed
from cdshooks.engine.records import once
from cdshooks.engine.valuesets import ValueSet, fold_words, result_tokens

_Hit = tuple[str, bool]
_Key = TypeVar("_Key", Coded, str)
_NOTHING: frozenset[_Hit] = frozenset()


class Result(Struct, frozen=True):
    """What a result says before it is held against any set: its codes, its texts, their words, its value."""

    codes: list[Coded]
    texts: list[str]
    tokens: list[list[str]]
    value: str


class Reading(Struct, frozen=True):
    """One result: the ids of the value sets that it fell into, whether surely, and its own words."""

    sets: frozenset[str]
    sure: bool
    words: str

    @property
    def readable(self) -> bool:
        """True when the result fell into any of the sets."""
        return bool(self.sets)


@dataclass(frozen=True, slots=True)
class ResultSets:
    """Value sets as one table: which of them a code, or a result word, falls into, and whether surely."""

    codes: Mapping[Coded, frozenset[_Hit]]
    words: Mapping[str, frozenset[_Hit]]
    headed: tuple[ValueSet, ...]

    @classmethod
    def of(cls, value_sets: Iterable[ValueSet]) -> ResultSets:
        """The table of these sets; those with category headers are asked one by one."""
        sets = list(value_sets)
        codes = ((code, (s.id, c.decides)) for s in sets if not s.prefixes for code, c in s.concepts.items())
        words = ((word, (s.id, concept.decides)) for s in sets for word, concept in s.words.items())
        return cls(_grouped(codes), _grouped(words), tuple(s for s in sets if s.prefixes))

    def of_code(self, coded: Coded) -> frozenset[_Hit]:
        """The sets that a code falls into."""
        found = self.codes.get(coded, _NOTHING)
        if not self.headed:
            return found
        return found | {(s.id, concept.decides) for s in self.headed if (concept := s.find(coded))}

    def of_tokens(self, tokens: list[str]) -> frozenset[_Hit]:
        """What a result text says; it must begin with a result word, so that no negation is read over."""
        if not tokens or tokens[0] not in self.words:
            return _NOTHING
        return _NOTHING.union(*[self.words[token] for token in tokens if token in self.words])


def _grouped(pairs: Iterable[tuple[_Key, _Hit]]) -> dict[_Key, frozenset[_Hit]]:
    found: dict[_Key, frozenset[_Hit]] = {}
    for key, hit in pairs:
        found[key] = found.get(key, _NOTHING) | {hit}
    return found


def read_result(record: Record, chart: Chart, sets: ResultSets) -> Reading:
    """Read the value and the interpretation of an Observation (or component) against the sets."""
    result = once(_result, record, chart)
    hits = _NOTHING.union(*map(sets.of_code, result.codes), *map(sets.of_tokens, result.tokens))
    found = frozenset([set_id for set_id, _ in hits])
    return Reading(found, len(found) == 1 and all([sure for _, sure in hits]), result.value)


def _result(record: Record, chart: Chart) -> Result:
    body, codings = record.body, chart.systems.codings
    concept, text = body.get("valueCodeableConcept"), body.get("valueString")
    words = concept_texts(concept)
    texts = [text, *words] if isinstance(text, str) else words
    codes = [*codings(concept), *codings(body.get("interpretation"))]
    return Result(codes, texts, [result_tokens(text) for text in texts], words[0] if words else value_words(body))


def has_members(record: Record, chart: Chart) -> bool:
    """True for a panel or report whose results are in the chart: they speak for themselves."""
    if record.part is not None:
        return False
    if record.resource.get("component"):
        return True
    members = [*listed(record.resource.get("hasMember")), *listed(record.resource.get("result"))]
    return any(chart.resolve(member, record.resource) is not None for member in members)


def spoilt(record: Record, chart: Chart, words: Iterable[ValueSet]) -> bool:
    """True when the result's own words take back what they say ("not confirmed", "specimen rejected")."""
    texts = once(_result, record, chart).texts
    folded = "".join(map(fold_words, texts))  # no phrase spans two texts: two blanks part them
    return any([value_set.names(folded) for value_set in words])


def _bounds(given: Any) -> str:
    """A range in words, such as 55–60 %; "" for one that lacks a bound."""
    ends = [given.get(end) for end in ("low", "high")] if isinstance(given, dict) else []
    told = [end for end in ends if isinstance(end, dict) and end.get("value") is not None]
    if len(told) < 2:
        return ""
    return f"{told[0]['value']}–{told[1]['value']} {told[1].get('unit') or told[1].get('code') or ''}".strip()


def value_words(body: Mapping[str, Any]) -> str:
    """A result in the chart's own words: its text, code or number with unit."""
    if texts := concept_texts(body.get("valueCodeableConcept")):
        return texts[0]
    quantity = body.get("valueQuantity")
    if isinstance(quantity, dict) and quantity.get("value") is not None:
        unit = quantity.get("unit") or quantity.get("code") or ""
        return f"{quantity.get('comparator') or ''}{quantity['value']} {unit}".strip()
    if bounds := _bounds(body.get("valueRange")):
        return bounds
    for name in ("valueString", "valueInteger", "valueBoolean", "valueDateTime"):
        if body.get(name) is not None:
            return str(body[name])
    texts = [text for item in listed(body.get("interpretation")) for text in concept_texts(item)]
    return texts[0] if texts else ""
