"""One thread per process that works in the store, so that no call waits for it longer than it has patience.

What waits at the same moment is done in one transaction, which costs one flush to disk.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from cdshooks.server.store import Store, StoreError

Result = TypeVar("Result")
PAUSE_SECONDS = 1.0
REST_SECONDS = 0.25
_MOST_AT_ONCE = 64
_SILENT = "the store does not answer"


@dataclass(eq=False)
class _Job:
    """Work that someone waits for, until they give up."""

    work: Callable[[Connection], Any]
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: Exception | None = None
    given_up: bool = False


class StoreQueue:
    """Runs work in write transactions, one after the other; those that hold the same `lock` also in all processes.

    After a failure, nothing is tried for a second: a store that is down does not slow every call.
    """

    def __init__(
        self, open_store: Callable[[], Store], lock: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_store = open_store
        self._lock = lock
        self._clock = clock
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pause_until = 0.0
        self.trouble: str | None = None

    def run(self, work: Callable[[Connection], Result], patience: float) -> Result:
        """The result of `work`, once it is stored. Raises StoreError when it was not stored within `patience` seconds.

        It may then still be stored a moment later.
        """
        if self.trouble and self._clock() < self._pause_until:
            raise StoreError(self.trouble)
        job = _Job(work)
        self._jobs.put(job)
        self._start_thread()
        if not job.done.wait(patience):
            job.given_up = True
            self._note(_SILENT)
            raise StoreError(_SILENT)
        if job.error is not None:
            raise job.error
        result: Result = job.result
        return result

    def _start_thread(self) -> None:
        with self._start:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="store", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while True:
            waiting = [self._next()]
            while len(waiting) < _MOST_AT_ONCE and not self._jobs.empty():
                waiting.append(self._jobs.get())
            if not self._done_together(waiting):
                for job in waiting:  # whatever was wrong with one is not held against the others
                    self._done_together([job], alone=True)

    def _next(self) -> _Job:
        """The next job; a store that has nothing to do for a moment is let rest."""
        try:
            return self._jobs.get(timeout=REST_SECONDS)
        except queue.Empty:
            with suppress(StoreError):
                self._open_store().rest()
            return self._jobs.get()

    def _done_together(self, jobs: Sequence[_Job], *, alone: bool = False) -> bool:
        """Do the jobs in one transaction; False when that failed and they are to be tried one by one."""
        jobs = [job for job in jobs if not job.given_up]
        try:
            if jobs:
                with self._open_store().writing(self._lock) as connection:
                    results = [job.work(connection) for job in jobs]
        except Exception as error:  # of the store or of the work: told to the one who waits
            if len(jobs) > 1 and not alone:
                return False
            self._failed(jobs, error)
        else:
            if jobs:
                self._note(None)
            for job, result in zip(jobs, results if jobs else (), strict=True):
                job.result = result
                job.done.set()
        return True

    def _failed(self, jobs: Sequence[_Job], error: Exception) -> None:
        if isinstance(error, StoreError):
            self._note(str(error))
        for job in jobs:
            job.error = error
            job.done.set()

    def _note(self, trouble: str | None) -> None:
        self._pause_until = self._clock() + PAUSE_SECONDS
        self.trouble = trouble
