"""Leaving a server alone that does not answer, and trying it again with one request after a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    """closed: it is asked; open: it is left alone; half-open: one request tries it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Opens after `failures` in a row and stays so for `pause` seconds; then one success closes it."""

    def __init__(
        self,
        failures: int,
        pause: float,
        clock: Callable[[], float] = time.monotonic,
        told: Callable[[BreakerState], None] = lambda state: None,
    ) -> None:
        self._most, self._pause, self._clock, self._told = failures, pause, clock, told
        self._lock = threading.Lock()
        self._failures = 0
        self._until: float | None = None
        self._trying = False

    @property
    def state(self) -> BreakerState:
        """Whether the server is asked now."""
        if self._until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._clock() < self._until else BreakerState.HALF_OPEN

    def admits(self) -> bool:
        """Whether a request may go out now; each one that may is followed by `note`."""
        with self._lock:
            state = self.state
            if state is BreakerState.HALF_OPEN and not self._trying:
                self._trying = True
                self._told(state)
                return True
            return state is BreakerState.CLOSED

    def note(self, alive: bool | None) -> None:
        """How a request went: the server answered, or did not; None when that cannot be told."""
        with self._lock:
            before, self._trying = self._until, False
            if alive:
                self._failures, self._until = 0, None
                if before is not None:
                    self._told(BreakerState.CLOSED)
            elif alive is False:
                self._failures += 1
                if self._failures >= self._most:
                    self._until = self._clock() + self._pause
                    self._told(BreakerState.OPEN)
