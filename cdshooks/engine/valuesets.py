"""Value sets: which codes mean a thing, how far each code may be trusted, and result words.

Grade A with `decides` not false may make a criterion met or not met; grade B may find or raise a
question; an unsourced code is off and is not loaded at all. Word sets hold phrases and only find.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from cdshooks.engine.codes import Coded, Systems

_CODE = itemgetter(0)
WORDS = "urn:cdshooks:words"
_EXTENSION = "urn:cdshooks:"
_SEPARATORS = re.compile(r"[,.;:()\[\]{}/\\|]+")
_JOINERS = re.compile(r"[\s‐‑‒–-]+")
_SHORTEST_NAME = 6
_GRADES = ("A", "B", "none")
_KEYS = {
    "resourceType", "id", "url", "version", "name", "title", "status", "experimental", "description",
    "purpose", "copyright", "compose",
}  # fmt: skip
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Concept:
    """One code of a value set with what it may do.

    `score` is the number that an answer of a scale stands for; a record found by a `sensitive` one is never named.
    """

    coded: Coded
    display: str
    grade: str
    decides: bool
    why_not: str = ""
    role: str = ""
    tty: str = ""
    ingredient: str = ""
    score: int | None = None
    sensitive: bool = False


@dataclass(frozen=True)
class ValueSet:
    """A set of concepts, result words and phrases under one id."""

    id: str
    title: str
    concepts: Mapping[Coded, Concept]
    prefixes: Mapping[Coded, Concept]
    words: Mapping[str, Concept]
    phrases: tuple[tuple[str, str], ...]

    def find(self, coded: Coded) -> Concept | None:
        """The concept for a code, or for the category header that a longer code descends from."""
        found = self.concepts.get(coded)
        return found if found is not None or coded[0] not in self.headed else find_prefix(self.prefixes, coded)

    def held_of(self, codes: Mapping[Coded, Any]) -> list[tuple[Coded, Concept]]:
        """Those of the codes that the set holds, with their concepts, in a stable order."""
        held = self.concepts
        if not self.prefixes and held.keys().isdisjoint(codes.keys()):  # the views: it walks the shorter one
            return []  # as most often
        found = [(coded, held[coded]) for coded in codes.keys() & held.keys()]
        if self.prefixes:
            longer = (coded for coded in codes if coded not in held)
            found += [(coded, concept) for coded in longer if (concept := self.find(coded))]
        return sorted(found, key=_CODE) if len(found) > 1 else found

    @cached_property
    def headed(self) -> frozenset[str]:
        """The systems in which the set has category headers."""
        return frozenset(system for system, _ in self.prefixes)

    def mentions(self, text: str) -> str | None:
        """The first phrase of the set that stands in `text` as whole words, any case."""
        return self.names(fold_words(text))

    def names(self, folded: str) -> str | None:
        """The first phrase of the set in a text that is folded already."""
        for phrase, words in self.phrases:
            if words in folded:
                return phrase
        return None


def find_prefix(prefixes: Mapping[Coded, Concept], coded: Coded) -> Concept | None:
    """The header concept whose code begins this one, longest first; None when there is none."""
    if not prefixes:
        return None
    system, code = coded
    longest = max(len(header) for _, header in prefixes)  # a code may be as long as its sender likes
    for end in range(min(len(code), longest + 1), 2, -1):
        if concept := prefixes.get((system, code[:end].rstrip("."))):
            return concept
    return None


def fold_words(text: str) -> str:
    """Lower-case words between single blanks, so that whole words are found by `in`."""
    return f" {' '.join(_WORD.findall(text.lower()))} "


def result_tokens(text: str) -> list[str]:
    """A result text as tokens: split at punctuation, upper-cased, blanks and hyphens dropped."""
    return [part for part in _SEPARATORS.split(_JOINERS.sub("", text).upper()) if part]


def read_value_set(data: Mapping[str, Any], systems: Systems) -> ValueSet:
    """Read a FHIR R4 ValueSet of the library; unsourced codes are left out.

    ValueError names a grade or a system that the library does not know.
    """
    concepts: dict[Coded, Concept] = {}
    prefixes: dict[Coded, Concept] = {}
    words: dict[str, Concept] = {}
    phrases: list[tuple[str, str]] = []
    unknown = data.keys() - _KEYS
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: no such key of a ValueSet here")
    for include in data.get("compose", {}).get("include", []):
        system = systems.system(include["system"])
        if include["system"] != WORDS and not systems.knows(system.id):
            raise ValueError(f"the system {include['system']} is not in systems.yaml")
        for entry in include.get("concept", []):
            facts = extensions(entry)
            if include["system"] == WORDS:
                phrases.append((entry["display"], fold_words(entry["display"])))
                continue
            if facts.get("grade") not in _GRADES:
                raise ValueError(f"{entry['code']}: its grade is {facts.get('grade')!r}; write A, B or none")
            if facts["grade"] not in ("A", "B"):
                continue
            code = system.spell(entry["code"])
            concept = _concept((system.id, code), entry, facts)
            (prefixes if facts.get("match") == "prefix" else concepts)[concept.coded] = concept
            for designation in entry.get("designation", []):
                words[designation["value"]] = concept
    return ValueSet(data["id"], data.get("title", data["id"]), concepts, prefixes, words, tuple(phrases))


def extensions(element: Mapping[str, Any]) -> dict[str, Any]:
    """Our own extensions of a ValueSet element, by short name."""
    return {
        extension["url"].removeprefix(_EXTENSION): next(
            (value for key, value in extension.items() if key.startswith("value")), None
        )
        for extension in element.get("extension", [])
    }


def _concept(coded: Coded, entry: Mapping[str, Any], facts: Mapping[str, Any]) -> Concept:
    grade = facts["grade"]
    return Concept(
        coded=coded,
        display=entry.get("display", ""),
        grade=grade,
        decides=grade == "A" and facts.get("decides") is not False,
        why_not=facts.get("why-not") or ("" if grade == "A" else "this code alone does not settle it"),
        role=facts.get("role", ""),
        tty=facts.get("tty", ""),
        ingredient=facts.get("ingredient", ""),
        score=facts.get("score"),
        sensitive=bool(facts.get("sensitive")),
    )


def union(value_sets: Iterable[ValueSet]) -> ValueSet:
    """One set that holds all of several; a concept that decides in any of them decides."""
    sets = list(value_sets)
    concepts: dict[Coded, Concept] = {}
    for value_set in sets:
        for coded, concept in value_set.concepts.items():
            if coded not in concepts or concept.decides:
                concepts[coded] = concept
    return ValueSet(
        id="+".join(value_set.id for value_set in sets),
        title=" or ".join(value_set.title for value_set in sets),
        concepts=concepts,
        prefixes={coded: concept for s in sets for coded, concept in s.prefixes.items()},
        words={word: concept for s in sets for word, concept in s.words.items()},
        phrases=tuple(phrase for s in sets for phrase in s.phrases),
    )


def display_words(value_set: ValueSet) -> ValueSet:
    """The same set as a word set: the displays of its deciding concepts, without what stands in brackets."""
    displays = {concept.display.split(" (", 1)[0] for concept in value_set.concepts.values() if concept.decides}
    phrases = tuple((text, fold_words(text)) for text in sorted(displays) if len(text) > _SHORTEST_NAME)
    return ValueSet(value_set.id, value_set.title, {}, {}, {}, phrases)
