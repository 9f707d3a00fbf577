"""Each token is good for one call, in all processes and after a restart: those that were used are remembered."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable

from sqlalchemy import text

from cdshooks.server.store import Store

PURGE_SECONDS = 60
_INSERT = text("INSERT INTO used_tokens (token, expires_at) VALUES (:token, :expires_at) ON CONFLICT DO NOTHING")
_PURGE = text("DELETE FROM used_tokens WHERE expires_at < :now")


class UsedTokens:
    """The tokens used so far, in the store, by a hash of issuer and jti. No token and no jti is ever stored."""

    def __init__(self, open_store: Callable[[], Store], clock: Callable[[], float] = time.time) -> None:
        self._open_store = open_store
        self._clock = clock
        self._store: Store | None = None
        self._purged_at = 0.0
        self._lock = threading.Lock()

    def use(self, issuer: str, jti: str, expires_at: int) -> bool:
        """Note that a token is used; False if it was used before. `expires_at` is when nobody accepts it any more.

        Raises StoreError when that cannot be kept: the token must then not be accepted.
        """
        token = hashlib.sha256(f"{issuer}\n{jti}".encode()).hexdigest()
        with self._opened().writing() as connection:
            if self._purge_is_due():
                connection.execute(_PURGE, {"now": int(self._clock())})
            noted = connection.execute(_INSERT, {"token": token, "expires_at": expires_at})
            return noted.rowcount == 1

    def close(self) -> None:
        """Give back the connections to the store."""
        if self._store is not None:
            self._store.close()

    def _opened(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = self._open_store()
            return self._store

    def _purge_is_due(self) -> bool:
        now = self._clock()
        with self._lock:
            due = now - self._purged_at >= PURGE_SECONDS
            if due:
                self._purged_at = now
            return due
