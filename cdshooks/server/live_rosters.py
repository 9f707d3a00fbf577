"""The roster that calls are answered from: the library's and the registry's, kept up to date while running."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from cdshooks.engine.centers import RosterRow, rows_to_match
from cdshooks.server.registry import Registry, Version, newest_version, roster_hash, rows_in_force
from cdshooks.server.store import Store, StoreError

log = logging.getLogger("cdshooks.registry")

CHECK_SECONDS = 1.0
PATIENCE_SECONDS = 0.2
SILENT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Rosters:
    """One version of the roster: its rows, and a hash where they are not the library's own.

    `version` 0 is a registry into which nothing was imported yet; `made_on` is then None.
    """

    rows: tuple[RosterRow, ...]
    hash: str | None
    version: int
    made_on: date | None = None


def rosters_of(registry: Registry, library: Sequence[RosterRow], *, synthetic: bool) -> Rosters:
    """The roster that a version of the registry makes together with the library's."""
    rows = rows_to_match(library, registry.roster(), synthetic=synthetic)
    own = rows == tuple(library)
    version = registry.version
    number, made_on = (version.number, version.made_on) if version else (0, None)
    return Rosters(rows, None if own else roster_hash(rows), number, made_on)


@dataclass
class LiveRosters:
    """The newest roster that could be read.

    The store is asked at most once a second, and a call never waits long for its answer: while the store is
    down or slow, the roster that was read last is used.
    """

    open_store: Callable[[], Store]
    library: Sequence[RosterRow]
    synthetic: bool
    clock: Callable[[], float] = time.monotonic
    _store: Store | None = None
    _known: Rosters = field(init=False)
    _version: Version | None = None
    _trouble: str | None = None
    _asking: bool = False
    _asked: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._known = self._rosters(Registry())
        self._asked = self.clock()
        self._ask()

    def current(self) -> Rosters:
        """The roster to answer a call from."""
        if self._is_due():
            asking = threading.Thread(target=self._ask, name="registry", daemon=True)
            asking.start()
            asking.join(PATIENCE_SECONDS)
        return self._known

    def trouble(self) -> str | None:
        """Why the registry cannot be read at present; None when it can."""
        if self._asking and self.clock() - self._asked > SILENT_SECONDS:
            return "the store does not answer"
        return self._trouble

    def close(self) -> None:
        """Give back the connections to the store."""
        if self._store is not None:
            self._store.close()

    def _is_due(self) -> bool:
        with self._lock:
            now = self.clock()
            if self._asking or now - self._asked < CHECK_SECONDS:
                return False
            self._asking, self._asked = True, now
            return True

    def _ask(self) -> None:
        try:
            self._refresh()
        except StoreError as error:
            self._note(str(error))
        except Exception as error:  # whatever is wrong with what is stored, calls go on
            self._note(f"the registry cannot be read: {type(error).__name__}")
        else:
            self._note(None)
        finally:
            self._asking = False

    def _refresh(self) -> None:
        if self._store is None:
            self._store = self.open_store()
        # The whole version is compared: in a store that was put back from a copy the same number may be another one.
        if newest_version(self._store) != self._version:
            registry = rows_in_force(self._store)
            self._known, self._version = self._rosters(registry), registry.version
            log.info("registry version=%d rows=%d", self._known.version, len(self._known.rows))

    def _rosters(self, registry: Registry) -> Rosters:
        return rosters_of(registry, self.library, synthetic=self.synthetic)

    def _note(self, trouble: str | None) -> None:
        """Keep what is wrong, and log it when it changes."""
        if trouble != self._trouble:
            log.warning("%s", trouble or "the registry can be read again")
        self._trouble = trouble
