"""What the home page says: the policies and products in force on a day, and what has to be looked at again by when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from cdshooks.engine.centers import RosterRow
from cdshooks.engine.library import Library
from cdshooks.engine.policy import Policy
from cdshooks.engine.products import Product


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy on one day; `version` is None when none is on file for that day."""

    id: str
    title: str
    publisher: str
    version: str | None
    start: date | None
    start_basis: str
    standing: str
    says: str
    review_due: date | None


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product on one day: since when the FDA has approved it, and for what."""

    brand: str
    generic: str
    approved: date | None
    indications: tuple[str, ...]
    rems: str | None


@dataclass(frozen=True, slots=True)
class Due:
    """Something that somebody has to look at again by a day."""

    by: date
    what: str


def policies_on(library: Library, day: date) -> Iterator[PolicyRow]:
    """One row for each policy of the library."""
    for policy_id in sorted({policy.id for policy in library.policies}):
        policy = library.in_force(policy_id, day)
        yield _in_force(policy, day) if policy else _without_version(library.versions(policy_id)[-1])


def products_on(library: Library, day: date) -> Iterator[ProductRow]:
    """One row for each product of the library, the approved ones first."""
    rows = [_product(product, day) for product in library.products.by_id.values()]
    yield from sorted(rows, key=lambda row: (row.approved is None, row.brand))


def due_next(policies: Iterable[PolicyRow], rosters: Iterable[RosterRow]) -> list[Due]:
    """What is due, the most pressing first: readings of policies, and roster rows of a day together, unnamed."""
    readings = [Due(row.review_due, f"{row.id} {row.version} is read again") for row in policies if row.review_due]
    ends = Counter(row.valid_until for row in rosters if row.valid_until)
    rows = [Due(by, f"{n} treatment-center {'rows end' if n > 1 else 'row ends'}") for by, n in ends.items()]
    return sorted([*readings, *rows], key=lambda due: (due.by, due.what))


def _in_force(policy: Policy, day: date) -> PolicyRow:
    standing = policy.standing(day)
    return PolicyRow(
        id=policy.id,
        title=policy.title,
        publisher=policy.publisher,
        version=policy.version,
        start=policy.effective.start,
        start_basis=policy.start_basis,
        standing=standing.is_ if standing else "not said",
        says=standing.says if standing else "",
        review_due=policy.review_due,
    )


def _without_version(policy: Policy) -> PolicyRow:
    return PolicyRow(policy.id, policy.title, policy.publisher, None, None, "", "", "", None)


def _product(product: Product, day: date) -> ProductRow:
    rems = product.rems_on(day)
    return ProductRow(
        brand=product.brand,
        generic=product.generic,
        approved=product.approved.start if product.approved and product.approved.holds(day) else None,
        indications=tuple(item.short for item in product.indications if item.span.holds(day)),
        rems=rems.name if rems else None,
    )
