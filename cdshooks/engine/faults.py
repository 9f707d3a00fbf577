"""What a schema refuses in a file, said to the person who writes it: what was read, and what to write instead."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from cdshooks.engine.source import Place, walk

_LONGEST = 60
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ENDS = (("from", "to"), ("start", "end"))
_WAYS = ("oneOf", "anyOf")
_TYPES = {
    "object": "keys with their values",
    "array": "a list, such as [a, b]",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
}
_SHAPES = {
    r"^\d{4}-\d{2}-\d{2}$": "a day such as 2026-11-21",
    r"^P[1-9]\d*[DMY]$": "a period such as P30D, P3M or P1Y",
    r"^P(\d+Y)?(\d+M)?(\d+D)?$": "a period such as P30D, P3M or P1Y",
    r"^[a-z0-9]+(-[a-z0-9]+)*$": "lower-case words joined by hyphens",
    r"^vs/[a-z0-9]+(-[a-z0-9]+)*$": "vs/ and the name of a file in valuesets",
    r"^https?://": "an address that begins with https://",
}


def faults(errors: Iterable[Any]) -> Iterator[tuple[Place, str]]:
    """Where each fault is and what it is, from the errors of a schema; what only follows from another is left out.

    A missing key follows from a key that is like it; what a value lacks follows from its being of another kind.
    """
    found = [_innermost(error) for error in errors]
    mistyped = {_place(error) for error in found if error.validator == "type"}
    meant: set[tuple[Place, str]] = set()
    for error in found:
        if error.validator == "additionalProperties":
            for key in _strangers(error):
                near = difflib.get_close_matches(key, error.schema.get("properties", ()), n=1)
                meant |= {(_place(error), name) for name in near}
                yield (
                    (*_place(error), key),
                    f"{_where(error.absolute_path)}: there is no key {key!r} here; {_keys(error, near)}",
                )
    lacking: dict[Place, list[str]] = {}
    for error in found:
        follows = error.validator != "type" and _place(error) in mistyped
        follows = follows or any((_place(error), key) in meant for key in _missing(error))
        if error.validator == "required" and not follows:
            lacking.setdefault(_place(error), []).extend(_missing(error))
        elif error.validator != "additionalProperties" and not follows:
            yield _place(error), f"{_where(error.absolute_path)}: {_said(error)}"
    yield from (
        (place, f"{_where(place)}: {', '.join(map(repr, keys))} not there, and required")
        for place, keys in lacking.items()
    )


def day_faults(data: Any) -> Iterator[tuple[Place, str]]:
    """Days that no calendar has, and spans that end before they start; both ends of a span are inclusive."""
    for place, value in walk(data):
        if isinstance(value, str) and _DAY.fullmatch(value) and not _is_day(value):
            yield place, f"{_where(place)}: {value} is no day of the calendar"
        for first, last in _ENDS if isinstance(value, Mapping) else ():
            start, end = value.get(first), value.get(last)
            if isinstance(start, str) and isinstance(end, str) and _is_day(start) and _is_day(end) and end < start:
                yield (*place, last), f"{_where((*place, last))}: {end} lies before {first}, which is {start}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that asks whether the word most like this one was meant; "" where none is like it."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _place(error: Any) -> Place:
    return tuple(error.absolute_path)


def _where(place: Iterable[str | int]) -> str:
    return ".".join(map(str, place)) or "the file"


def _innermost(error: Any) -> Any:
    """The most telling of the alternatives that all fail: the deepest, and none for another kind of value."""
    while error.context and not _missing(error):
        error = max(error.context, key=lambda e: (len(e.absolute_path), _telling(e), -len(e.message)))
    return error


def _telling(error: Any) -> int:
    return 2 if error.validator != "type" else int(error.validator_value == "string")


def _missing(error: Any) -> list[str]:
    """The keys of which one, or the one which, is required and not there."""
    if error.validator == "required":
        required: list[str] = error.validator_value
        return [key for key in required if key not in error.instance and repr(key) in error.message]
    if error.validator in _WAYS and error.context and all(e.validator == "required" for e in error.context):
        ways = [e for e in error.context if e.absolute_path == error.absolute_path]
        return [key for e in ways for key in e.validator_value if key not in error.instance]
    return []


def _strangers(error: Any) -> list[str]:
    return [key for key in error.instance if key not in error.schema.get("properties", ())]


def _keys(error: Any, near: list[str]) -> str:
    known = error.schema.get("properties", ())
    return f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"


def _said(error: Any) -> str:
    say = _SAYS.get(error.validator)
    return (say(error) if say else None) or f"read {_shown(error.instance)}; {_trimmed(error.message)}"


def _shown(value: Any) -> str:
    """A value as it was read, on one short line."""
    return _trimmed(repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _trimmed(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _type(error: Any) -> str:
    wanted: list[str] = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    words = _SHAPES.get(error.schema.get("pattern")) or " or ".join(_TYPES.get(name, name) for name in wanted)
    quoted = (
        f', as "{_shown(error.instance)}" in quotes' if words == _TYPES["string"] and _is_plain(error.instance) else ""
    )
    return f"read {_shown(error.instance)}; write {words}{quoted}"


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int)


def _pattern(error: Any) -> str:
    pattern = error.validator_value
    shape = f"write {_SHAPES.get(pattern, f'what matches {pattern}')}"
    return f"read {_shown(error.instance)}; {shape if pattern in _SHAPES else error.schema.get('description', shape)}"


def _enum(error: Any) -> str:
    known = [str(value) for value in error.validator_value]
    return f"{_shown(error.instance)} is not one of {', '.join(known)}{did_you_mean(str(error.instance), known)}"


def _const(error: Any) -> str:
    otherwise = ", or leave the key out" if error.validator_value is True else ""
    return f"read {_shown(error.instance)}; write {json.dumps(error.validator_value)}{otherwise}"


def _ways(error: Any) -> str | None:
    """Keys of which exactly one must stand: none does, or several do."""
    if missing := _missing(error):
        return f"one of {', '.join(dict.fromkeys(missing))} is missing"
    there: list[str] = [
        key for way in error.validator_value for key in way.get("required", ()) if key in error.instance
    ]
    return f"{' and '.join(there)} stand together; keep one" if there else None


def _not(error: Any) -> str | None:
    together: list[str] = error.validator_value.get("required", [])
    return f"{' and '.join(together)} stand together; keep one" if together else None


def _too_many(error: Any) -> str:
    return f"{' and '.join(error.instance)} stand together; keep one, or list them under all: or any:"


def _empty(error: Any) -> str | None:
    return None if error.instance else "is empty; write something, or leave the key out"


def _twice(error: Any) -> str:
    rows = error.instance
    twice = next(row for index, row in enumerate(rows) if row in rows[:index])
    return f"{_shown(twice)} stands twice; keep one"


_SAYS: Mapping[str, Callable[[Any], str | None]] = {
    "type": _type,
    "pattern": _pattern,
    "enum": _enum,
    "const": _const,
    "oneOf": _ways,
    "anyOf": _ways,
    "not": _not,
    "maxProperties": _too_many,
    "minItems": _empty,
    "minLength": _empty,
    "minProperties": _empty,
    "uniqueItems": _twice,
}
