"""Keys that need not be set: each is drawn into the store when it is first asked for."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, insert, select

from cdshooks.server.record_tables import KEYS


def drawn_key(connection: Connection, name: str, configured: str | None) -> bytes:
    """The key that is set, else the store's own of that name. The transaction may write."""
    if configured:
        return configured.encode()
    asked = select(KEYS.c.value).where(KEYS.c.name == name)
    found = connection.execute(asked).scalar()
    if found is None:
        found = secrets.token_hex(32)
        connection.execute(insert(KEYS), {"name": name, "value": found})
    return str(found).encode()
