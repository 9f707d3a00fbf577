"""How a patient is named in the records: by a keyed hash, which tells two patients apart and names neither."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import Connection, insert, select

from cdshooks.server.record_tables import KEYS

_NAME = "patient"


def patient_key(connection: Connection, configured: str | None) -> bytes:
    """The key that is set, else the store's own, drawn when it is first asked for. The transaction may write."""
    if configured:
        return configured.encode()
    asked = select(KEYS.c.value).where(KEYS.c.name == _NAME)
    found = connection.execute(asked).scalar()
    if found is None:
        found = secrets.token_hex(32)
        connection.execute(insert(KEYS), {"name": _NAME, "value": found})
    return str(found).encode()


def patient_hash(key: bytes, client: str, patient_id: str) -> str:
    """HMAC-SHA-256 of a client's patient id: the same id at another hospital is another patient."""
    return hmac.new(key, f"{client}\0{patient_id}".encode(), hashlib.sha256).hexdigest()
