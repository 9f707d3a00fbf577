"""How many calls may come: per second from one caller, and at one time to one process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

_MOST_CALLERS = 10_000


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
