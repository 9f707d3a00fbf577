"""Paths inside a request's JSON, such as ``code.coding[0].code``: reading, setting and dropping."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

_STEP = re.compile(r"([A-Za-z_][\w-]*)((?:\[\d+\])*)")

Steps = tuple[str | int, ...]


class EditError(ValueError):
    """An edit of a case that cannot be made; the message says why and what is there instead."""


def steps(path: str) -> Steps:
    """A path as names and numbers; EditError when it is not names joined by dots, with [n]."""
    found: list[str | int] = []
    for part in path.split("."):
        match = _STEP.fullmatch(part)
        if not match:
            raise EditError(f"{path!r} is no path: write names joined by dots, with [n] for the n-th, from 0")
        found.append(match[1])
        found += [int(number) for number in re.findall(r"\d+", match[2])]
    return tuple(found)


def put_at(root: Any, path: Steps, value: Any) -> None:
    """Set the value at a path, making objects and lists on the way; a list grows by one at most."""
    place = root
    for at, following in pairwise(path):
        place = _child(place, at, [] if isinstance(following, int) else {})
    _assign(place, path[-1], value)


def drop_at(root: Any, path: Steps) -> None:
    """Take away what stands at a path; EditError when there is nothing."""
    place = root
    for at in path[:-1]:
        place = place[at] if _has(place, at) else None
    if not _has(place, path[-1]):
        raise EditError(f"{_written(path)}: there is nothing here to drop{_names(place)}")
    del place[path[-1]]


def _child(place: Any, at: str | int, made: Any) -> Any:
    if not _has(place, at):
        _assign(place, at, made)
    return place[at]


def _assign(place: Any, at: str | int, value: Any) -> None:
    if isinstance(at, str) and isinstance(place, dict):
        place[at] = value
    elif isinstance(at, int) and isinstance(place, list) and at < len(place):
        place[at] = value
    elif isinstance(at, int) and isinstance(place, list) and at == len(place):
        place.append(value)
    else:
        raise EditError(f"{at!r} cannot be set in {_what(place)}")


def _has(place: Any, at: str | int) -> bool:
    if isinstance(at, str):
        return isinstance(place, dict) and at in place
    return isinstance(place, list) and at < len(place)


def _written(path: Steps) -> str:
    return "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in path).lstrip(".")


def _what(place: Any) -> str:
    if isinstance(place, list):
        return f"a list of {len(place)}"
    return "an object" if isinstance(place, dict) else "a plain value"


def _names(place: Any) -> str:
    return f"; what stands there: {', '.join(place)}" if isinstance(place, dict) else ""
