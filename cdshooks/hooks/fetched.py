"""What is asked of the EHR's FHIR server, and what came of it: the seam between the pure hooks and the network.

The server side gives `hooks.service.answer` one `Fetch`; it takes queries and gives as many results in their order,
and never raises. Nothing here reads a network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from cdshooks.engine.identity import listed


class Miss(StrEnum):
    """Why a query was not answered, or not completely."""

    UNREGISTERED = "unregistered"
    NO_TOKEN = "no-token"
    ELSEWHERE = "elsewhere"
    REFUSED = "refused"
    NOT_FOUND = "not-found"
    BUSY = "busy"
    FAILED = "failed"
    DOWN = "down"
    LATE = "late"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    CIRCULAR = "circular"


@dataclass(frozen=True, slots=True)
class Query:
    """One FHIR read or search: `url` is relative to the FHIR server, or absolute for a link that it gave itself.

    `key` is the prefetch key that it stands in for, or the reference that it follows; `continues` when it goes on
    from the last page that was sent under that key.
    """

    key: str
    url: str
    kinds: tuple[str, ...]
    continues: bool = False

    @property
    def searches(self) -> bool:
        """True for a search, whose answer is a Bundle; False for the read of one resource."""
        return self.continues or "?" in self.url


@dataclass(frozen=True, slots=True, repr=False)
class Fetched:
    """The decoded pages that came for a query, and why there are no more; without `miss` they are all there are."""

    query: Query
    pages: tuple[Any, ...] = ()
    miss: Miss | None = None


Fetch = Callable[[Sequence[Query]], Sequence[Fetched]]


def join_pages(pages: Iterable[Any]) -> Any:
    """The pages of one search as one Bundle: every entry, the total of the first page, the links of the last.

    Where one of them is no Bundle the first page alone is left, which says itself that there is another.
    """
    every = list(pages)
    if len(every) == 1 or not all(is_bundle(page) for page in every):
        return every[0]
    entries = [entry for page in every for entry in listed(page.get("entry"))]
    return {**every[0], "entry": entries, "link": every[-1].get("link")}


def is_bundle(value: Any) -> bool:
    """True for a FHIR Bundle."""
    return isinstance(value, Mapping) and value.get("resourceType") == "Bundle"


def next_link(value: Any) -> str | None:
    """The address of the page after a Bundle; None when it is the last one, or no Bundle at all."""
    links = listed(value.get("link")) if isinstance(value, Mapping) else []
    urls = (link.get("url") for link in links if isinstance(link, Mapping) and link.get("relation") == "next")
    return next((url for url in urls if isinstance(url, str)), None)


def hash_results(results: Iterable[Fetched]) -> str | None:
    """One SHA-256 over what was asked and what came, whatever order it came in; None when nothing was asked.

    Of a Bundle only the entries count: its id, its links and its time differ between two readings of one chart.
    """
    parts = sorted(
        msgspec.json.encode([r.query.key, _place(r.query), r.miss, [*map(_content, r.pages)]], order="deterministic")
        for r in results
    )
    return hashlib.sha256(b"\n".join(parts)).hexdigest() if parts else None


def _place(query: Query) -> str:
    """Where a query leads, save for a server's own link, which is another one at each reading."""
    return "" if query.continues else query.url


def _content(page: Any) -> Any:
    return page.get("entry") if is_bundle(page) else page
