"""Signed links to a dossier: they name it by a number of its own and the last day on which they open it.

The last day is a date, so that the same call on the same day gives the same link. Source: itsdangerous.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID, uuid5

from itsdangerous import BadData, URLSafeSerializer

PATH = "/dossier"
Purpose = Literal["read", "attest", "open"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link or a form entitles to: one dossier, through one day."""

    dossier: str
    until: date


def dossier_id(decision: str, client: str) -> str:
    """The number of a client's dossier of a decision."""
    return uuid5(UUID(decision), client).hex


def sign(key: bytes, ticket: Ticket, purpose: Purpose = "read") -> str:
    """The ticket as text for an address or a form; another purpose gives another text."""
    return str(_serializer(key, purpose).dumps([ticket.dossier, ticket.until.isoformat()]))


def read_ticket(key: bytes, text: str, purpose: Purpose = "read") -> Ticket | None:
    """The ticket that we signed for this purpose; None for anything else. Whether its day is past is not looked at."""
    try:
        dossier, until = _serializer(key, purpose).loads(text)
        return Ticket(str(dossier), date.fromisoformat(until))
    except (BadData, ValueError, TypeError):
        return None


def _serializer(key: bytes, purpose: Purpose) -> URLSafeSerializer:
    return URLSafeSerializer(key, f"cdshooks dossier {purpose}", signer_kwargs={"digest_method": hashlib.sha256})
