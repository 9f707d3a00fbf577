"""Keys that need not be set: each is drawn into the store when it is first asked for."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, bindparam, insert, select

from cdshooks.server.record_tables import KEYS

_VALUE = select(KEYS.c.value).where(KEYS.c.name == bindparam("key"))


def drawn_key(connection: Connection, name: str, configured: str | None) -> bytes:
    """The key that is set, else the store's own of that name. The transaction may write.

    A connection remembers the keys that it has found, for they never change, but not those that it drew itself: the
    transaction in which it did may come to nothing.
    """
    if configured:
        return configured.encode()
    known: dict[str, bytes] = connection.info.setdefault("keys", {})
    if known.get(name):
        return known[name]
    found = connection.execute(_VALUE, {"key": name}).scalar()
    if found is None:
        found = secrets.token_hex(32)
        connection.execute(insert(KEYS), {"name": name, "value": found})
        known[name] = b""
    key = str(found).encode()
    return known.setdefault(name, key) or key
