"""The coverage-information extension of Da Vinci CRD, and the order that carries it back to the EHR.

The order is echoed as it was sent; the extension is all that is added. What another service said of the same coverage
stands, and what we said before is replaced only where something is new. Shape: what 2.0.1 and 2.2.1 both allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from cdshooks.engine.identity import listed
from cdshooks.engine.model import Resource
from cdshooks.hooks.coverage_rules import PARTS, URL, coverage_departures

MARK = "cdshooks-"
"""Begins every coverage-assertion-id of ours; the id of the decision follows."""
_OF_A_CALL = ("date", "coverage-assertion-id")
_OF_DOCUMENTS = ("doc-needed", "doc-purpose", "questionnaire", "reason")


@dataclass(frozen=True, slots=True)
class Assertion:
    """What is asserted of one order under one coverage, in codes of the extension; what is empty is left out.

    It is right in every version, save one with `only_version`.
    """

    coverage: str
    covered: str
    pa_needed: str
    doc_needed: str
    doc_purpose: str
    info_needed: tuple[str, ...]
    reason: Mapping[str, Any]
    on: date
    decision: UUID
    satisfied_pa_id: str = ""
    only_version: str = ""
    questionnaire: str = ""

    @property
    def id(self) -> str:
        """The coverage-assertion-id."""
        return f"{MARK}{self.decision}"

    def extension(self) -> dict[str, Any]:
        """The extension. Raises ValueError where it would break a rule of its versions: then nothing is sent."""
        parts: list[tuple[str, Any]] = [
            ("coverage", {"reference": self.coverage}),
            ("covered", self.covered),
            ("pa-needed", self.pa_needed),
            ("doc-needed", self.doc_needed),
            ("doc-purpose", self.doc_purpose),
            *(("info-needed", code) for code in self.info_needed),
            ("reason", self.reason),
            ("questionnaire", self.questionnaire),
            ("date", self.on.isoformat()),
            ("coverage-assertion-id", self.id),
            ("satisfied-pa-id", self.satisfied_pa_id),
        ]
        made = {
            "url": URL,
            "extension": [{"url": name, PARTS["2.2"][name].value: value} for name, value in parts if value],
        }
        versions = [self.only_version] if self.only_version else [*PARTS]
        wrong = [departure for version in versions for departure in coverage_departures(made, version)]
        if wrong:
            raise ValueError("; ".join(wrong))
        return made

    def codes(self) -> dict[str, Any]:
        """The same for the determination and its record: ids and codes, no words."""
        named = {
            "coverage": self.coverage,
            "covered": self.covered,
            "paNeeded": self.pa_needed,
            "docNeeded": self.doc_needed,
            "infoNeeded": list(self.info_needed),
            "questionnaire": [self.questionnaire] if self.questionnaire else [],
            "assertionId": self.id,
        }
        return {key: value for key, value in named.items() if value}


def with_coverage(order: Resource, assertions: Iterable[Assertion], *, early: bool = False) -> dict[str, Any] | None:
    """The order with what is new of these assertions; None where nothing is.

    `early`: the order is being written, and what was said before of its documents is not taken back by saying nothing.
    """
    silent = (*_OF_A_CALL, *_OF_DOCUMENTS) if early else _OF_A_CALL
    before = listed(order.get("extension"))
    kept, changed = list(before), False
    for assertion in assertions:
        same = [held for held in before if _speaks_of(held, assertion.coverage)]
        made = assertion.extension()
        if any(not _ours(held) or _lasting(held, silent) == _lasting(made, silent) for held in same):
            continue
        kept = [*(held for held in kept if held not in same), made]
        changed = True
    return {**order, "extension": kept} if changed else None


def _parts(extension: Any) -> list[Mapping[str, Any]]:
    """The parts of a coverage-information extension; none of anything else."""
    if not isinstance(extension, Mapping) or extension.get("url") != URL:
        return []
    return [part for part in listed(extension.get("extension")) if isinstance(part, Mapping)]


def _speaks_of(extension: Any, coverage: str) -> bool:
    references = [part.get("valueReference") for part in _parts(extension) if part.get("url") == "coverage"]
    named = [str(r.get("reference")) for r in references if isinstance(r, Mapping)]
    return any(name == coverage or name.endswith(f"/{coverage}") for name in named)


def _ours(extension: Any) -> bool:
    ids = (part.get("valueString") for part in _parts(extension) if part.get("url") == "coverage-assertion-id")
    return any(isinstance(id_, str) and id_.startswith(MARK) for id_ in ids)


def _lasting(extension: Any, silent: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """What an extension says, without the day and the call on which it said so, and what else is not compared."""
    return [part for part in _parts(extension) if part.get("url") not in silent]
