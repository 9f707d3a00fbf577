"""Coding systems and their spellings: one short name per system, one spelling per code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_OID = re.compile(r"(?:urn:oid:)?(\d+(?:\.\d+)+)")

Coded = tuple[str, str]
"""(system id, code) in canonical spelling."""


@dataclass(frozen=True, slots=True)
class System:
    """A coding system: its id, its canonical uri, and how its codes are spelled."""

    id: str
    uri: str
    upper: bool = False
    ndc: bool = False
    dotted: bool = False
    ordinary: frozenset[str] | None = None
    label: str = ""

    def spell(self, code: str) -> str:
        """A code in its one spelling: no blanks around it, NDC as eleven digits, case folded, the dot in its place."""
        code = code.strip()
        code = ndc11(code) if self.ndc else code.upper() if self.upper else code
        return f"{code[:3]}.{code[3:]}" if self.dotted and len(code) > 3 and "." not in code else code


@dataclass(frozen=True)
class Systems:
    """Knows every spelling of a system's name; unknown systems keep their own."""

    by_spelling: Mapping[str, System]
    ids: frozenset[str] = frozenset()
    _seen: dict[str, System] = field(default_factory=dict)

    def system(self, spelling: str) -> System:
        """The system that `spelling` names (URL, OID, trailing slash, version suffix, any case)."""
        known = self._seen.get(spelling)
        if known is None:
            key = fold(spelling)
            known = self.by_spelling.get(key) or System(key, spelling)
            if len(self._seen) < 4096:
                self._seen[spelling] = known
        return known

    def coded(self, coding: Any) -> Coded | None:
        """The canonical (system, code) of a FHIR Coding; None without a system or a code."""
        if not isinstance(coding, dict):
            return None
        spelling, code = coding.get("system"), coding.get("code")
        if not isinstance(spelling, str) or not isinstance(code, str):
            return None
        system = self._seen.get(spelling) or self.system(spelling)
        code = system.spell(code) if system.upper or system.ndc else code.strip()
        return (system.id, code) if code else None

    def knows(self, system_id: str) -> bool:
        """True when the library lists the system."""
        return system_id in self.ids

    def label(self, system_id: str) -> str:
        """A system's name for a reader."""
        return self.system(system_id).label or system_id

    def is_labelled(self, resource: Mapping[str, Any]) -> bool:
        """True when a resource carries a confidentiality or sensitivity label beyond the ordinary ones."""
        meta = resource.get("meta")
        security = meta.get("security") if isinstance(meta, Mapping) else None
        if security is None and "securityLabel" not in resource:  # as most are: not worth a look
            return False
        labels = [*coding_list(security), *coding_list(resource.get("securityLabel"))]  # the latter: of documents
        return any(self.is_label(coding) for coding in labels)

    def is_label(self, coding: Any) -> bool:
        """True for a confidentiality code that is more than an ordinary one."""
        coded = self.coded(coding)
        if coded is None:
            return False
        ordinary = self.system(str(coding["system"])).ordinary
        return ordinary is not None and coded[1] not in ordinary

    def codings(self, concept: Any) -> list[Coded]:
        """Every canonical coding of a CodeableConcept (an object where a list belongs is read as one)."""
        found = []
        for coding in coding_list(concept) if concept else ():
            if coded := self.coded(coding):
                found.append(coded)
        return found

    def distinct(self, concept: Any) -> tuple[Coded, ...]:
        """The same, each once."""
        found = self.codings(concept)
        return tuple(found if len(found) < 2 else dict.fromkeys(found))


def read_systems(rows: Iterable[Mapping[str, Any]]) -> Systems:
    """Build Systems from the rows of the library's systems file."""
    by_spelling: dict[str, System] = {}
    for row in rows:
        system = System(
            row["id"],
            row["uri"],
            row.get("case") == "upper",
            row.get("normalise") == "ndc",
            row.get("normalise") == "dotted",
            frozenset(row["no_special_label"]["ordinary"]) if "no_special_label" in row else None,
            row.get("label", ""),
        )
        oids = [row["oid"]] if row.get("oid") else []
        for spelling in [row["uri"], row["id"], *oids, *row.get("aliases", [])]:
            by_spelling[fold(spelling)] = system
    return Systems(by_spelling, frozenset(system.id for system in by_spelling.values()))


def fold(spelling: str) -> str:
    """A system name without scheme, version suffix, trailing slash, urn:oid: and letter case."""
    text = spelling.strip().lower().split("|", 1)[0].rstrip("/")
    if match := _OID.fullmatch(text):
        return match.group(1)
    return re.sub(r"^https?://(www\.)?", "", text)


def ndc11(code: str) -> str:
    """An NDC as eleven digits (5-4-2): hyphenated forms are padded, plain ones are kept as they are."""
    parts = code.split("-")
    if len(parts) == 3 and all(part.isdigit() for part in parts):
        return parts[0].zfill(5) + parts[1].zfill(4) + parts[2].zfill(2)
    return code


def coding_list(concept: Any) -> list[Any]:
    """The codings of a CodeableConcept, of a list of them, or of a bare Coding; [] for anything else."""
    if not isinstance(concept, dict):
        return [coding for item in concept for coding in coding_list(item)] if isinstance(concept, list) else []
    codings = concept.get("coding")
    if isinstance(codings, list):
        return codings
    if codings is None and "code" in concept:
        return [concept]
    return [codings] if codings else []


def concept_texts(concept: Any) -> list[str]:
    """The words of a CodeableConcept: its text, then the displays of its codings."""
    if isinstance(concept, list):
        return [text for item in concept for text in concept_texts(item)]
    if not isinstance(concept, dict):
        return []
    told = [concept.get("text")]
    for coding in coding_list(concept):
        if isinstance(coding, dict):
            told.append(coding.get("display"))
    return [words for text in told if isinstance(text, str) and (words := text.strip())]
