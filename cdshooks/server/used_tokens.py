"""Each token is good for one call, in all processes and after a restart: those that were used are remembered."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, text

from cdshooks.server.store import Store
from cdshooks.server.store_queue import StoreQueue

PATIENCE_SECONDS = 2.0
PURGE_SECONDS = 60
_INSERT = text("INSERT INTO used_tokens (token, expires_at) VALUES (:token, :expires_at) ON CONFLICT DO NOTHING")
_PURGE = text("DELETE FROM used_tokens WHERE expires_at < :now")


class UsedTokens:
    """The tokens used so far, in the store, by a hash of issuer and jti. No token and no jti is ever stored."""

    def __init__(self, open_store: Callable[[], Store], clock: Callable[[], float] = time.time) -> None:
        self._queue = StoreQueue(open_store)
        self._clock = clock
        self._purged_at = 0.0

    def use(self, issuer: str, jti: str, expires_at: int) -> bool:
        """Note that a token is used; False if it was used before. `expires_at` is when nobody accepts it any more.

        Raises StoreError when that is not kept within two seconds: the token must then not be accepted.
        """
        row = {"token": hashlib.sha256(f"{issuer}\n{jti}".encode()).hexdigest(), "expires_at": expires_at}
        return self._queue.run(lambda connection: self._note(connection, row), PATIENCE_SECONDS)

    def _note(self, connection: Connection, row: Mapping[str, object]) -> bool:
        if self._clock() - self._purged_at >= PURGE_SECONDS:
            self._purged_at = self._clock()
            connection.execute(_PURGE, {"now": int(self._purged_at)})
        return connection.execute(_INSERT, row).rowcount == 1
