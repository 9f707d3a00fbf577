"""How records become courses and courses become lines: periods and names of the library, for no paper gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cdshooks.engine.dates import Period
from cdshooks.engine.valuesets import fold_words


@dataclass(frozen=True, slots=True)
class LineProcedure:
    """A procedure that is part of a treatment (``vs/…`` names), and what belongs to its line.

    `follows`: it belongs to the line before it when that ended no longer ago; without it, it is a line of its own.
    `prepared` and `maintained`: drugs that begin so long before or after it belong to its line.
    """

    name: str
    codes: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    follows: Period | None = None
    prepared: Period | None = None
    maintained: Period | None = None


@dataclass(frozen=True, slots=True)
class NumberExtension:
    """The last part of the url of an extension that states a line's number, and how far it may be trusted."""

    name: str
    decides: bool


@dataclass(frozen=True, slots=True)
class LineRules:
    """Every period and name that the reconstruction of treatment lines uses."""

    pause: Period
    together: Period
    planned: Period
    response_within: Period
    procedures: tuple[LineProcedure, ...] = ()
    responses: tuple[str, ...] = ()
    best_first: tuple[str, ...] = ()
    stop_reasons: tuple[str, ...] = ()
    stop_extensions: tuple[str, ...] = ()
    intent_extensions: tuple[str, ...] = ()
    number_extensions: tuple[NumberExtension, ...] = ()
    number_words: tuple[tuple[str, ...], ...] = ()


def read_line_rules(row: Mapping[str, Any]) -> LineRules:
    """Read `treatment_lines` of the library (already schema-checked)."""
    responses, stopped, stated = row["responses"], row["stopped"], row["stated"]
    return LineRules(
        pause=Period.parse(row["pause"]),
        together=Period.parse(row["together"]),
        planned=Period.parse(row["before_planned_infusion"]),
        procedures=tuple(_procedure(item) for item in row["procedures"]),
        responses=tuple(responses["code"]),
        best_first=tuple(responses["best_first"]),
        response_within=Period.parse(responses["within"]),
        stop_reasons=tuple(stopped["code"]),
        stop_extensions=tuple(stopped["extensions"]),
        intent_extensions=tuple(row["intent_extensions"]),
        number_extensions=tuple(NumberExtension(item["name"], item["grade"] == "A") for item in stated["extensions"]),
        number_words=tuple(tuple(fold_words(word) for word in words) for words in stated["words"]),
    )


def _procedure(row: Mapping[str, Any]) -> LineProcedure:
    def period(name: str) -> Period | None:
        return Period.parse(row[name]) if name in row else None

    return LineProcedure(
        row["name"],
        tuple(row.get("code", ())),
        tuple(row.get("given", ())),
        tuple(row.get("words", ())),
        period("follows"),
        period("prepared"),
        period("maintained"),
    )
