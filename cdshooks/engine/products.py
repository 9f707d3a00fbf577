"""CAR-T products: codes, names, dated approvals, indications and REMS periods.

Every period is inclusive at both ends: a fact applies on a day when ``from <= day <= to``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cdshooks.engine.codes import Coded, Systems, ndc11
from cdshooks.engine.line_rules import LineRules, read_line_rules
from cdshooks.engine.model import ProductId
from cdshooks.engine.valuesets import fold_words

WITH_STRENGTH = ("SCD", "SBD", "GPCK", "BPCK", "PACK", "NDC")
"""Kinds of code that name a product with its form and strength (RxNorm term types, and NDC)."""


@dataclass(frozen=True, slots=True)
class Span:
    """An inclusive span of days; an open end is None."""

    start: date | None
    end: date | None

    def holds(self, day: date) -> bool:
        """True when `day` lies in the span, both ends included."""
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


@dataclass(frozen=True, slots=True)
class ProductCode:
    """A code that names the product, its grade, and what kind of thing it names (SCD, IN, HCPCS …)."""

    coded: Coded
    grade: str
    kind: str
    span: Span


@dataclass(frozen=True, slots=True)
class Limitation:
    """A dated limitation of use: a disease that the label of that day leaves out."""

    key: str
    span: Span
    code: str
    says: str


@dataclass(frozen=True, slots=True)
class Indication:
    """A labelled indication with the days on which the label carries it."""

    id: str
    span: Span
    says: str
    short: str
    when: Mapping[str, Any]
    limitations: tuple[Limitation, ...]
    after_limitation: str


@dataclass(frozen=True, slots=True)
class Rems:
    """A REMS programme and the days on which it was in force."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Product:
    """One CAR-T product."""

    id: ProductId
    brand: str
    generic: str
    names: tuple[str, ...]
    codes: tuple[ProductCode, ...]
    approved: Span | None
    indications: tuple[Indication, ...]
    rems: tuple[Rems, ...]
    form: str
    note: str

    def rems_on(self, day: date) -> Rems | None:
        """The REMS in force on `day`, if there was one."""
        return next((rems for rems in self.rems if rems.span.holds(day)), None)

    def last_rems(self) -> Rems | None:
        """The REMS that ended last, if the product ever had one."""
        ended = [rems for rems in self.rems if rems.span.end]
        return max(ended, key=lambda rems: rems.span.end or date.min, default=None)


@dataclass(frozen=True, slots=True)
class Trap:
    """Words (folded) in an order that change what the order is: not the approved product, or one course."""

    words: tuple[str, ...]
    says: str
    effect: str
    product: str = ""


@dataclass(frozen=True)
class Products:
    """All products, found by code or by name; look-alikes and the words that mark a trap; words are folded at load."""

    by_id: Mapping[str, Product]
    by_code: Mapping[Coded, tuple[tuple[Product, ProductCode], ...]]
    not_car_t: frozenset[Coded]
    traps: tuple[Trap, ...]
    trial_words: tuple[str, ...]
    trial_number: re.Pattern[str] | None
    other_sets: tuple[str, ...]
    service_sets: tuple[str, ...]
    of_relatives: tuple[str, ...]
    unclassified: frozenset[Coded]
    class_words: tuple[tuple[str, str], ...]
    therapy_drugs: tuple[str, ...]
    folded_names: tuple[tuple[Product, str, str], ...]
    line_rules: LineRules

    def coded(self, codes: Iterable[Coded]) -> list[tuple[Product, ProductCode]]:
        """Every (product, code) that the codes name, in the order of the codes."""
        return [hit for coded in codes for hit in self.by_code.get(coded, ())]

    def identified(self, codes: Iterable[Coded], texts: Iterable[str]) -> set[ProductId]:
        """The products that a record is of: by its codes, else by the names in its words."""
        hits = self.coded(codes)
        return {product.id for product, _ in hits} or {product.id for product, _ in self.named(texts)}

    def is_trial(self, texts: Iterable[str]) -> bool:
        """True when a text is marked as a trial: a marking word, or a registry number."""
        for text in texts:
            folded = fold_words(text)
            if any([words in folded for words in self.trial_words]):
                return True
            if self.trial_number is not None and self.trial_number.search(text):
                return True
        return False

    def class_named_in(self, folded: str) -> str | None:
        """The word with which folded texts say CAR-T without a product; None when none does."""
        return next((word for word, words in self.class_words if words in folded), None)

    def trapped(self, texts: Iterable[str]) -> list[Trap]:
        """The traps whose words stand in the texts."""
        folded = [fold_words(text) for text in texts]
        return [trap for trap in self.traps if any(words in text for words in trap.words for text in folded)]

    def named(self, texts: Iterable[str]) -> list[tuple[Product, str]]:
        """Every product whose brand or generic name stands in a text as whole words."""
        return self.named_in("".join(map(fold_words, texts)))  # no name spans two texts: two blanks part them

    def named_in(self, folded: str) -> list[tuple[Product, str]]:
        """The same in texts that are folded already."""
        found: dict[str, tuple[Product, str]] = {}
        for hit in [(product, name) for product, name, words in self.folded_names if words in folded]:
            found.setdefault(hit[0].id, hit)
        return list(found.values())


def read_product(data: Mapping[str, Any], systems: Systems) -> Product:
    """Read one product file (already schema-checked)."""
    approved = data.get("approved")
    return Product(
        id=ProductId(data["id"]),
        brand=data.get("brand") or data["names"][0],
        generic=data.get("generic", ""),
        names=tuple(data["names"]),
        codes=tuple(_code(row, systems) for row in data.get("codes", [])),
        approved=span(approved) if approved and data["status"] == "approved" else None,
        indications=tuple(_indication(row) for row in data.get("indications", [])),
        rems=tuple(Rems(row["name"], span(row)) for row in data.get("rems", [])),
        form=data.get("form", ""),
        note=data.get("review", {}).get("says", ""),
    )


def gather_products(products: Iterable[Product], look_alikes: Mapping[str, Any], systems: Systems) -> Products:
    """Index the products by code, both spellings of a plain NDC included."""
    by_id = {str(product.id): product for product in sorted(products, key=lambda p: p.id)}
    by_code: dict[Coded, tuple[tuple[Product, ProductCode], ...]] = {}
    for product in by_id.values():
        for code in product.codes:
            for coded in _spellings(code.coded, systems):
                by_code[coded] = (*by_code.get(coded, ()), (product, code))
    others = [code for row in look_alikes.get("not_car_t", []) for code in row.get("codes", [])]
    return Products(
        by_id=by_id,
        by_code=by_code,
        not_car_t=frozenset(_coded(code, systems) for code in others),
        traps=tuple(
            Trap(tuple(map(fold_words, row["words"])), row["says"], row["effect"], row.get("product", ""))
            for row in look_alikes.get("order_text_traps", [])
        ),
        trial_words=tuple(map(fold_words, look_alikes.get("trial_words", []))),
        trial_number=_trial_number(look_alikes.get("trial_numbers", [])),
        other_sets=tuple(look_alikes.get("coded_as_something_else", [])),
        service_sets=tuple(look_alikes.get("car_t_services", [])),
        of_relatives=tuple(look_alikes.get("of_relatives", [])),
        unclassified=frozenset(_coded(code, systems) for code in look_alikes.get("unclassified", [])),
        class_words=tuple((word, fold_words(word)) for word in look_alikes.get("class_words", [])),
        therapy_drugs=tuple(look_alikes.get("therapy_drugs", [])),
        folded_names=tuple((p, name, fold_words(name)) for p in by_id.values() for name in p.names),
        line_rules=read_line_rules(look_alikes["treatment_lines"]),
    )


def _trial_number(rows: Iterable[Mapping[str, Any]]) -> re.Pattern[str] | None:
    """What finds the number of a trial registry in a text; None where the library knows no registry."""
    numbers = [rf"{re.escape(row['prefix'])}[ -]?\d{{{row['digits']}}}" for row in rows]
    return re.compile(rf"\b(?:{'|'.join(numbers)})\b", re.IGNORECASE) if numbers else None


def span(row: Mapping[str, Any]) -> Span:
    """The inclusive span of a row's `from` and `to`."""
    return Span(day(row.get("from")), day(row.get("to")))


def day(value: str | None) -> date | None:
    """An ISO day of the library; None when it is not given."""
    return date.fromisoformat(value) if value else None


def _coded(row: Mapping[str, Any], systems: Systems) -> Coded:
    system = systems.system(row["system"])
    return system.id, system.spell(str(row["code"]))


def _code(row: Mapping[str, Any], systems: Systems) -> ProductCode:
    coded = _coded(row, systems)
    if systems.system(row["system"]).ndc:
        coded = (coded[0], str(row["code"]))
    return ProductCode(coded, row["grade"], row["kind"], span(row))


def _spellings(coded: Coded, systems: Systems) -> set[Coded]:
    """The spellings of a code in a chart: an NDC also as its own ten plain digits."""
    system, code = coded
    if not systems.system(system).ndc:
        return {coded}
    return {(system, ndc11(code)), (system, code.replace("-", ""))}


def _indication(row: Mapping[str, Any]) -> Indication:
    return Indication(
        id=row["id"],
        span=span(row),
        says=row["says"],
        short=row.get("short", row["says"]),
        when=row["when"],
        limitations=tuple(
            Limitation(item["key"], span(item), item["code"], item["says"]) for item in row.get("limitations", [])
        ),
        after_limitation=row.get("after_limitation", ""),
    )
