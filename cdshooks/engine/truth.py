"""Kleene's three-valued logic: True, False, and None for unknown."""

from __future__ import annotations

from collections.abc import Iterable

Truth = bool | None


def all_of(values: Iterable[Truth]) -> Truth:
    """False if any value is false, else unknown if any is unknown, else true (true for none)."""
    result: Truth = True
    for value in values:
        if value is False:
            return False
        if value is None:
            result = None
    return result


def any_of(values: Iterable[Truth]) -> Truth:
    """True if any value is true, else unknown if any is unknown, else false (false for none)."""
    result: Truth = False
    for value in values:
        if value is True:
            return True
        if value is None:
            result = None
    return result


def not_(value: Truth) -> Truth:
    """The opposite; unknown stays unknown."""
    return None if value is None else not value


def at_least(count: int, values: Iterable[Truth]) -> Truth:
    """True when `count` values are true, false when they cannot be any more, else unknown."""
    known = list(values)
    if sum(value is True for value in known) >= count:
        return True
    return False if sum(value is not False for value in known) < count else None
