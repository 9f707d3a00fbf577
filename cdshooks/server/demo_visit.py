"""What a visitor of the demo EHR has chosen and done: all of it stands in the address, nothing in our memory."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from werkzeug.datastructures import MultiDict

from cdshooks.hooks.errors import RequestError
from cdshooks.server.answering import DEMO_CLIENT
from cdshooks.server.site import Site
from cdshooks.server.stories import FIRST

_SESSION = re.compile(r"[0-9a-f]{12}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST = 20


@dataclass(frozen=True, slots=True)
class Visit:
    """One state of the demo EHR.

    `product` "" and `service` None: as the story has them. `added` are ids of suggestions that were accepted,
    `arrived` of those whose document or result has come in since; `dismissed` are uuids of cards.
    """

    story: str
    session: str
    product: str = ""
    service: date | None = None
    signed: bool = False
    added: tuple[str, ...] = ()
    arrived: tuple[str, ...] = ()
    dismissed: tuple[str, ...] = ()

    @property
    def client(self) -> str:
        """The name under which this visitor's calls are recorded: one visitor's feedback changes nobody else's card."""
        return f"{DEMO_CLIENT}-{self.session}"

    def query(self) -> dict[str, Any]:
        """This state as parameters of an address; what is empty is left out."""
        written: dict[str, Any] = {
            "story": self.story,
            "session": self.session,
            "product": self.product,
            "service": self.service.isoformat() if self.service else "",
            "signed": "yes" if self.signed else "",
            "added": self.added,
            "arrived": self.arrived,
            "dismissed": self.dismissed,
        }
        return {name: value for name, value in written.items() if value}

    def with_added(self, suggestion: str) -> Visit:
        """The state after a suggestion was accepted."""
        return replace(self, added=(*self.added, suggestion)) if suggestion not in self.added else self

    def with_arrived(self, suggestion: str) -> Visit:
        """The state after what a suggestion asked for has come in: the draft is done with."""
        rest = tuple(name for name in self.added if name != suggestion)
        return replace(self, added=rest, arrived=(*self.arrived, suggestion))

    def with_dismissed(self, card: str) -> Visit:
        """The state after a card was dismissed."""
        return replace(self, dismissed=(*self.dismissed, card))


def read_visit(sent: MultiDict[str, str], site: Site) -> Visit:
    """The state that an address or a form holds; what is not known is left out.

    Raises RequestError (404) for a story that does not exist.
    """
    story = sent.get("story") or FIRST
    if story not in site.stories:
        raise RequestError(404, "not-found", "there is no story of that name; GET /demo/stories lists them")
    session, product = sent.get("session", ""), sent.get("product", "")
    suggestions = site.library.suggestions
    arrived = _known(sent.getlist("arrived"), lambda name: name in suggestions and name in site.arrivals)
    return Visit(
        story=story,
        session=session if _SESSION.fullmatch(session) else uuid.uuid4().hex[:12],
        product=product if product in site.library.products.by_id else "",
        service=_day(sent.get("service", "")),
        signed=bool(sent.get("signed")),
        added=_known(sent.getlist("added"), lambda name: name in suggestions and name not in arrived),
        arrived=arrived,
        dismissed=_known(sent.getlist("dismissed"), lambda card: bool(_UUID.fullmatch(card))),
    )


def _known(sent: Iterable[str], is_known: Callable[[str], bool]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in sent if is_known(name)))[:_MOST]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
