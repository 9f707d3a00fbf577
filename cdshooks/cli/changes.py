"""What changed between two files of a card library, told in sentences an analyst can check against the paper."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

_KEYS = ("id", "cite", "says", "from")
_WINDOWS = {"newer_than": "newer than {}", "no_older_than": "no older than {}", "prompt_after": "reminded of after {}"}
_UNITS = {"D": "day", "W": "week", "M": "month", "Y": "year"}
_DURATION = re.compile(r"P(\d+)([DWMY])")
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was: where it stands, and its old and new value; None where there is none."""

    place: tuple[str, ...]
    old: Any
    new: Any

    def __str__(self) -> str:
        """A sentence: the place, then what it is now and what it was."""
        where = " › ".join(self.place)
        if self.old is None:
            return f"{where}: new, {_told(self.place, self.new)}"
        if self.new is None:
            return f"{where}: gone, it was {_told(self.place, self.old)}"
        return f"{where}: {_told(self.place, self.new)}; it was {_told(self.place, self.old)}"


def changes(old: Any, new: Any, place: tuple[str, ...] = ()) -> Iterator[Change]:
    """Each difference between two values of YAML, at the innermost place that both have.

    Rows of a list are matched by what names them (an id, the paragraphs cited), so that a row which only moved is
    no change; of rows that nothing names those of the same words are matched in their order.
    """
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from changes(old.get(key), new.get(key), (*place, str(key)))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _rows(old, new, place)
    else:
        yield Change(place, old, new)


def _rows(old: list[Any], new: list[Any], place: tuple[str, ...]) -> Iterator[Change]:
    before, after = _named(old), _named(new)
    if before is not None and after is not None:
        yield from changes(before, after, place)
        return
    gone, come = [row for row in old if row not in new], [row for row in new if row not in old]
    if len(gone) == len(come) and all(_alike(*pair) for pair in zip(gone, come, strict=True)):
        for row, other in zip(gone, come, strict=True):
            yield from changes(row, other, (*place, str(old.index(row) + 1)))
        return
    yield from (Change(place, row, None) for row in gone)
    yield from (Change(place, None, row) for row in come)


def _alike(row: Any, other: Any) -> bool:
    """True for two rows of the same words, of which one may be the other after an edit."""
    return isinstance(row, Mapping) and isinstance(other, Mapping) and row.keys() == other.keys()


def _named(rows: Sequence[Any]) -> dict[str, Any] | None:
    """Rows by what names each of them; None when nothing names them all, each differently."""
    for key in _KEYS:
        names = [_name(row.get(key)) for row in rows if isinstance(row, Mapping) and row.get(key)]
        if len(names) == len(rows) == len(set(names)):
            return dict(zip(names, rows, strict=True))
    return None


def _name(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _told(place: tuple[str, ...], value: Any) -> str:
    """A value as a person reads it; a window in words, a longer thing as one line of YAML."""
    window = _WINDOWS.get(place[-1]) if place else None
    if window and isinstance(value, str):
        return window.format(_duration(value))
    if isinstance(value, Mapping | list):
        line = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False).strip()
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    if isinstance(value, bool):
        return str(value).lower()
    return f"“{value}”" if isinstance(value, str) and " " in value else str(value)


def _duration(text: str) -> str:
    """``P3M`` → ``3 months``."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return text
    count, unit = int(found[1]), _UNITS[found[2]]
    return f"{count} {unit}{'' if count == 1 else 's'}"
