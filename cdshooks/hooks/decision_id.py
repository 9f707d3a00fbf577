"""The id of a determination and of its card."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid5

from cdshooks.engine.library import Library
from cdshooks.hooks.request import Request

NAMESPACE = UUID("6f1c2c5e-3b77-5d0a-9d51-2f0f4ab2f3f1")


def decision_id(request: Request, library: Library, as_of: date, order: str, policy_id: str, payer: str = "") -> UUID:
    """The same request, day, library and fetched answers give the same id; hookInstance is not part of it."""
    parts = [request.service_id, as_of.isoformat(), library.hash, request.body_sha256, order, policy_id, payer]
    parts += [request.fetched_sha256] if request.fetched_sha256 else []
    return uuid5(NAMESPACE, "|".join(parts))
