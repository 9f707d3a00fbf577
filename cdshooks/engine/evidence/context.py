"""What an evidence form sees when it is asked, and the shape of a compiled one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from cdshooks.engine.centers import CenterMatch
from cdshooks.engine.chart import Chart, Record
from cdshooks.engine.dates import Period, Window
from cdshooks.engine.model import Explanation, Order
from cdshooks.engine.products import Product, Products
from cdshooks.engine.valuesets import ValueSet, union
from cdshooks.engine.wording import Wording

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Context:
    """One question's surroundings: the chart, the order, and the two days."""

    chart: Chart
    order: Order
    product: Product | None
    center: CenterMatch
    as_of: date
    service_date: date
    session: tuple[Record, ...] = ()
    encounter: str | None = None
    worked_out: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)
    """What several criteria need of this chart, worked out once; a key names everything that it rests on."""

    def once(self, key: Hashable, work: Callable[[], _Found]) -> _Found:
        """What `work` finds, worked out once for all that ask under this key."""
        if key not in self.worked_out:
            self.worked_out[key] = work()
        found: _Found = self.worked_out[key]
        return found


Check = Callable[[Context], Explanation]
"""A compiled evidence expression."""


@dataclass(frozen=True)
class Compiler:
    """What compiling an expression may look up; `used` collects the FHIR kinds that are read."""

    value_sets: Mapping[str, ValueSet]
    wording: Wording
    products: Products
    used: set[str] = field(default_factory=set)

    def sets(self, names: Any) -> list[ValueSet]:
        """The value sets that one name or a list of names (``vs/…``) stands for."""
        return [self.value_sets[name.removeprefix("vs/")] for name in as_list(names)]

    def union(self, names: Any) -> ValueSet:
        """One set for one or several names."""
        sets = self.sets(names)
        return sets[0] if len(sets) == 1 else union(sets)

    def reads(self, *kinds: str) -> tuple[str, ...]:
        """Note that an expression reads these FHIR kinds."""
        self.used.update(kinds)
        return kinds


def as_list(value: Any) -> list[Any]:
    """Nothing as [], one value as a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def window_of(filters: Mapping[str, Any]) -> Window | None:
    """The freshness window of a retrieval: `newer_than` is strict, `no_older_than` inclusive."""
    if "newer_than" in filters:
        return Window(Period.parse(filters["newer_than"]), strict=True)
    if "no_older_than" in filters:
        return Window(Period.parse(filters["no_older_than"]), strict=False)
    return None
