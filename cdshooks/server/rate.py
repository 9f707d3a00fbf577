"""How many calls may come: per second from one caller, and at one time to one process; how many of them compute."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from cdshooks.hooks.errors import RequestError

_MOST_CALLERS = 10_000
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class Places:
    """How many calls are in the house: all together (under the name "") and of each client."""

    def __init__(self, all_together: int, of_one: int) -> None:
        self._most = all_together, of_one
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, whose: str) -> bool:
        """Take a place, if one is left."""
        with self._lock:
            free = self._taken[whose] < self._most[bool(whose)]
            self._taken[whose] += free
            return free

    def give_back(self, whose: str) -> None:
        """Give a place back that was taken."""
        with self._lock:
            self._taken[whose] -= 1


class Turns:
    """Lets a few of the threads that have a call compute at a time.

    Only one of them runs Python at any moment: more of them would end no sooner, and would keep whoever is only to
    be told to come again waiting for each of them.
    """

    def __init__(self, at_once: int) -> None:
        self._free = threading.Semaphore(at_once)

    @contextmanager
    def one(self, seconds: float) -> Iterator[None]:
        """A turn, as soon as there is one. Raises RequestError (503) when there is none for so many seconds."""
        if not self._free.acquire(timeout=seconds):
            raise RequestError(503, "throttled", "too many calls at this moment; try again in a second")
        try:
            yield
        finally:
            self._free.release()

    def lent(self, wait: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
        """The same function for one who has a turn, and lends it to the others while it waits for something."""

        def waiting(*given: _Given.args, **named: _Given.kwargs) -> _Result:
            self._free.release()
            try:
                return wait(*given, **named)
            finally:
                self._free.acquire()

        return waiting


class CallRate:
    """Lets each caller make so many calls a second, and twice as many in a burst.

    It counts in this process only. Of more callers than it can count, the one that was quiet longest is forgotten.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, caller: Hashable, per_second: int) -> bool:
        """Whether the caller may make one more call now; it is then counted."""
        now, most = self._clock(), 2.0 * per_second
        with self._lock:
            left, then = self._left.pop(caller, (most, now))
            left = min(most, left + (now - then) * per_second)
            allowed = left >= 1
            self._left[caller] = (left - 1 if allowed else left, now)
            if len(self._left) > _MOST_CALLERS:
                self._left.popitem(last=False)
        return allowed
