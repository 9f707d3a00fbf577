"""The keys of each client: from its file, or fetched from its registered address and kept for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cdshooks.server.clients import Client
from cdshooks.server.guarded_http import HttpMiss
from cdshooks.server.jwk import Key, KeyProblem, read_keys

log = logging.getLogger("cdshooks.clients")

FRESH_SECONDS = 3600.0
STALE_SECONDS = 24 * 3600.0
RETRY_SECONDS = 30.0
FIRST_RETRY_SECONDS = 5.0

Fetch = Callable[[Client], bytes]


@dataclass
class KeyAddress:
    """The keys behind one client's jku.

    They are fetched again after an hour, and when a token names a key that is not among them, but at most once
    in 30 seconds. While the address does not answer, the keys that were read last are used for up to a day.
    """

    client: Client
    fetch: Fetch
    clock: Callable[[], float] = time.monotonic
    _keys: tuple[Key, ...] = ()
    _read_at: float | None = None
    _tried_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def named(self, kid: str) -> list[Key]:
        """The keys of that id: none, one, or several."""
        found = self._named(kid)
        if not found:
            with self._lock:
                found = self._named(kid) or self._refreshed(kid)
        elif self._age() > FRESH_SECONDS:
            self._refresh_behind()
        return found if self._age() <= STALE_SECONDS else []

    def _named(self, kid: str) -> list[Key]:
        return [key for key in self._keys if key.kid == kid]

    def _age(self) -> float:
        return float("inf") if self._read_at is None else self.clock() - self._read_at

    def _is_due(self) -> bool:
        wait = FIRST_RETRY_SECONDS if self._read_at is None else RETRY_SECONDS
        return self._tried_at is None or self.clock() - self._tried_at >= wait

    def _refreshed(self, kid: str) -> list[Key]:
        if self._is_due():
            self._refresh()
        return self._named(kid)

    def _refresh_behind(self) -> None:
        """Fetch without letting the call wait that found its key, unless someone does so already."""
        if self._is_due() and self._lock.acquire(blocking=False):
            threading.Thread(target=self._refresh_and_release, name="jwks", daemon=True).start()

    def _refresh_and_release(self) -> None:
        try:
            self._refresh()
        finally:
            self._lock.release()

    def _refresh(self) -> None:
        self._tried_at = self.clock()
        try:
            keys = read_keys(self.fetch(self.client))
        except KeyProblem as problem:
            log.warning("client %s: its jku gave no keys: %s", self.client.name, problem)
        except HttpMiss as miss:
            log.warning("client %s: its jku cannot be read: %s", self.client.name, miss.miss)
        except Exception as error:  # whatever happened, the keys that are known stay in use
            log.warning("client %s: its jku cannot be read: %s", self.client.name, type(error).__name__)
        else:
            self._keys, self._read_at = keys, self.clock()


class ClientKeys:
    """The keys of all clients. Nothing that a token says is ever an address."""

    def __init__(self, clients: Iterable[Client], fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._addresses = {
            client.name: KeyAddress(client, fetch, clock) for client in clients if client.keys is None and client.jku
        }

    def named(self, client: Client, kid: str) -> list[Key]:
        """The keys of a client that bear that id, of algorithms that the client may use."""
        if client.keys is not None:
            found = [key for key in client.keys if key.kid == kid]
        else:
            found = self._addresses[client.name].named(kid)
        return [key for key in found if key.algorithm in client.algorithms]
