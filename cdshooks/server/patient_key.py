"""How a patient is named in the records: by a keyed hash, which tells two patients apart and names neither."""

from __future__ import annotations

import hashlib
import hmac

from sqlalchemy import Connection

from cdshooks.server.drawn_keys import drawn_key


def patient_key(connection: Connection, configured: str | None) -> bytes:
    """The key that is set, else the store's own. The transaction may write."""
    return drawn_key(connection, "patient", configured)


def patient_hash(key: bytes, client: str, patient_id: str) -> str:
    """HMAC-SHA-256 of a client's patient id: the same id at another hospital is another patient."""
    return hmac.new(key, f"{client}\0{patient_id}".encode(), hashlib.sha256).hexdigest()
