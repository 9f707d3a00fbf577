"""How much JSON one body may hold, told from its bytes before anything is decoded."""

from __future__ import annotations

import re

from cdshooks.hooks.errors import RequestError

MAX_RESOURCES = 20_000  # room for a chart of MAX_BODY_BYTES: resources of less than a kilobyte are rare
MAX_VALUES = 1_000_000
MAX_STRING_BYTES = 8 * 1024 * 1024  # room for a scanned letter

_TYPE = b'"resourceType"'
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def check_size(text: bytes) -> None:
    """Raise RequestError (413) for more resources or values, or a longer string, than any chart needs.

    A value costs far more memory than the two bytes that it may take on the wire. Nothing is counted in a text that
    is too short to hold so many.
    """
    size = len(text)
    if size > MAX_RESOURCES * len(_TYPE) and text.count(_TYPE) > MAX_RESOURCES:
        raise _too_much(f"holds more than {MAX_RESOURCES} resources")
    if size > MAX_VALUES and _values(text) > MAX_VALUES:
        raise _too_much(f"holds more than {MAX_VALUES} values")
    if size > MAX_STRING_BYTES and _has_long_string(text):
        raise _too_much(f"holds a string of more than {MAX_STRING_BYTES // 1024 // 1024} MiB")


def _too_much(problem: str) -> RequestError:
    return RequestError(413, "too-costly", f"the body {problem}")


def _values(text: bytes) -> int:
    """At least how many values follow another one: the commas, those inside strings only if it matters."""
    commas = text.count(b",")
    return commas if commas <= MAX_VALUES else _STRING.sub(b'""', text).count(b",")


def _has_long_string(text: bytes) -> bool:
    """Whether the text goes on for too long without a quotation mark; a run that long spans one of the blocks."""
    block = MAX_STRING_BYTES // 2
    for start in range(0, len(text), block):
        if b'"' not in text[start : start + block]:
            end = text.find(b'"', start)
            run = (end if end >= 0 else len(text)) - text.rfind(b'"', 0, start) - 1
            if run > MAX_STRING_BYTES:
                return True
    return False
