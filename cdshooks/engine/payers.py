"""Payers: how a Coverage is recognised as a payer's, in words and identifiers of the library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from cdshooks.engine.products import Span, span
from cdshooks.engine.valuesets import fold_words


@dataclass(frozen=True, slots=True)
class NameRule:
    """A way in which a payer is named on its service dates: by all of some words, one of some, none of some; folded.

    `short` is how a card calls the payer that goes by this name; "" for its usual one.
    """

    all_of: tuple[str, ...]
    any_of: tuple[str, ...]
    none_of: tuple[str, ...]
    span: Span
    says: str
    short: str

    def fits(self, folded: str, day: date) -> bool:
        """True when the folded text names the payer on `day`."""
        return (
            self.span.holds(day)
            and all([words in folded for words in self.all_of])
            and (not self.any_of or any([words in folded for words in self.any_of]))
            and not any([words in folded for words in self.none_of])
        )


@dataclass(frozen=True, slots=True)
class Payer:
    """A payer of the library, its programme and its policies."""

    id: str
    name: str
    short: str
    program: str
    names: tuple[NameRule, ...]
    identifiers: frozenset[tuple[str, str]]
    plan_classes: tuple[tuple[str, str], ...]
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PayerMatch:
    """A recognised payer and what to say about how it was recognised."""

    payer: Payer
    says: str = ""


def read_payer(data: Mapping[str, Any]) -> Payer:
    """Read one payer file (already schema-checked)."""
    recognised = data["recognised_by"]
    return Payer(
        id=data["id"],
        name=data["name"],
        short=data["short"],
        program=data.get("program", ""),
        names=read_names(recognised.get("names", [])),
        identifiers=frozenset((i["system"], str(i["value"])) for i in recognised.get("identifiers", [])),
        plan_classes=tuple(
            (str(c.get("type", "")), fold_words(str(c["value"]))) for c in recognised.get("plan_classes", [])
        ),
        policies=tuple(data["policies"]),
    )


def read_names(rows: Iterable[Mapping[str, Any]]) -> tuple[NameRule, ...]:
    """Read the ways in which a payer, or a type of plan, is named."""
    return tuple(
        NameRule(
            _words(r, "all_of"),
            _words(r, "any_of"),
            _words(r, "none_of"),
            span(r),
            r.get("says", ""),
            r.get("short", ""),
        )
        for r in rows
    )


def _words(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(map(fold_words, row.get(key, [])))


def recognise(
    payers: Iterable[Payer],
    texts: Iterable[str],
    identifiers: Iterable[tuple[str, str]],
    classes: Iterable[tuple[str, str]],
    day: date,
) -> PayerMatch | None:
    """The payer that a coverage names: by identifier, else by its words taken together, else by plan class."""
    known, words = list(payers), fold_words(" / ".join(texts))
    given = set(identifiers)
    for payer in known:
        if payer.identifiers & given:
            return PayerMatch(payer)
    for payer in known:
        for rule in payer.names:
            if rule.fits(words, day):
                return PayerMatch(replace(payer, short=rule.short or payer.short), rule.says)
    folded = [(kind, fold_words(value)) for kind, value in classes]
    for payer in known:
        if any(value == text and kind in ("", given) for kind, value in payer.plan_classes for given, text in folded):
            return PayerMatch(payer)
    return None
