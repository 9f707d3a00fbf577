"""Strict reading of JSON text from outside, at about the price of parsing it once.

The checks work on the bytes as a whole, or count. None walks the decoded value, unless something is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from operator import methodcaller
from typing import Any

import msgspec

from cdshooks.hooks.errors import RequestError
from cdshooks.hooks.json_size import check_size

MAX_DEPTH = 64
WHOLE = "the body"
MAX_DIGITS = 308  # with one more, a whole number no longer fits a double

_any = msgspec.json.Decoder()
_raw_members = msgspec.json.Decoder(dict[str, msgspec.Raw])

_SEARCHED = 1024 * 1024  # bytes in which a repeated key is looked for, which is slow

_SHORT = 4096  # bytes in which it pays to count brackets before they are looked at

_BOM = b"\xef\xbb\xbf"
_ONE_KIND_OF_BRACKET = bytes.maketrans(b"{}", b"[]")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_WORDS = re.compile(rb'"[^"\\]*"|null')
_TOKEN = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[\[\]{}]', re.DOTALL)
_KEY = re.compile(rb'\s*[{,]\s*"([^"\\]*)"\s*:\s*')
_END = re.compile(rb"\s*\{?\s*\}")
_HUGE_NUMBER = re.compile(rb"(?<![0-9])[0-9]{%d}" % (MAX_DIGITS + 1))
_FOLLOWS_FOR_NUL = methodcaller("startswith", b"u0000")
_ESCAPED_NUL = rb"\\u0000"
_ESCAPED_COLON = rb"\\u003[aA]"
_BYTE = re.compile(r" \(byte (\d+)\)")


def decode(body: bytes) -> Any:
    """The value of a JSON text, read strictly.

    Raises RequestError (400) that says what is wrong and at which byte, never what stands there.
    """
    return value(checked(body))


def checked(body: bytes) -> bytes:
    """The same text without a byte-order mark, once it is known to be UTF-8 and of a size that can be read.

    Raises RequestError (400, or 413 for too much of anything).
    """
    text = body.removeprefix(_BOM)
    if not text.strip():
        raise _refusal("is empty")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refusal(f"is not UTF-8 (byte {error.start})") from None
    check_size(text)
    return text


def members(text: bytes | msgspec.Raw, where: str = WHOLE) -> dict[str, msgspec.Raw]:
    """The members of a JSON object that has passed `checked`, each of them still undecoded.

    Raises RequestError (400) for bad syntax anywhere and for anything but an object. Depth, characters, numbers
    and repeated keys inside a member are looked at only when `value` reads it.
    """
    plain = bytes(text)
    found: dict[str, msgspec.Raw] = _decoded(_raw_members, plain, where)
    if not holds_just(found, plain):
        _check_keys(plain, found, where)
    return found


def holds_just(found: Mapping[str, Any], text: bytes) -> bool:
    """Whether a JSON object holds none but these members, each once and plainly spelled.

    A parser keeps the last of several members with one name, and may drop those that it does not know. A member is
    undecoded text, or a dict of such members.
    """
    end = _end_of(found, text, text.find(b"{"))
    return end is not None and not text[end:].strip()


def value(text: bytes | msgspec.Raw, where: str = WHOLE) -> Any:
    """The value of JSON text that has passed `checked`.

    It spells no U+0000, nests at most MAX_DEPTH levels, has no key twice and no number beyond a double. Raises
    RequestError (400); the byte it gives is counted from the start of `where`.
    """
    plain = bytes(text)
    if _WORDS.fullmatch(plain):
        return _decoded(_any, plain, where)  # nothing in it can be nested, repeated or too long
    parts = plain.split(b"\\")
    if any(map(_FOLLOWS_FOR_NUL, parts)):
        _check_characters(plain, where)
    if not _opens_few(plain) and _nests_deeper_than(MAX_DEPTH, parts):
        raise _too_deep(where)
    found = _decoded(_any, plain, where)
    _check_numbers(plain, where)
    _check_keys(plain, found, where)
    return found


def _refusal(problem: str, where: str = WHOLE) -> RequestError:
    return RequestError(400, "structure", f"{where} {problem}", None if where == WHOLE else where)


def _too_deep(where: str) -> RequestError:
    return _refusal(f"is nested more than {MAX_DEPTH} levels deep", where)


def _decoded(decoder: msgspec.json.Decoder[Any], text: bytes, where: str) -> Any:
    try:
        return decoder.decode(text)
    except RecursionError:
        raise _too_deep(where) from None
    except msgspec.MsgspecError as error:
        raise _refusal(_reason(str(error), len(text)), where) from None


def _reason(said: str, size: int) -> str:
    """What a decoder's message comes to, in our words and without a path into the body."""
    if said.startswith("Expected `object`"):
        return "is not a JSON object"
    if "out of range" in said:
        return "holds a number that is out of range"
    if "truncated" in said:
        return f"ends before its last value is complete (byte {size})"
    byte = _BYTE.search(said)
    at = f" (byte {byte[1]})" if byte else ""
    return f"is not JSON: {_BYTE.sub('', said).removeprefix('JSON is malformed: ')}{at}"


def _check_characters(text: bytes, where: str) -> None:
    """Refuse U+0000."""
    nul = next(_escapes(_ESCAPED_NUL, text), None)
    if nul:
        raise _refusal(f"holds the character U+0000 (byte {nul.end() - len('u0000') - 1})", where)


def _escapes(spelling: bytes, text: bytes) -> Iterator[re.Match[bytes]]:
    """Where an escape stands in the text, as one: not after a backslash that is itself escaped."""
    if b"\\" in text and re.search(spelling, text):
        yield from re.finditer(rb"(?<!\\)(?:\\\\)*" + spelling, text)


def _opens_few(text: bytes) -> bool:
    """Whether a short text has too few brackets to be nested too deep, wherever they stand."""
    return len(text) < _SHORT and text.count(b"[") + text.count(b"{") <= MAX_DEPTH


def _nests_deeper_than(limit: int, parts: list[bytes]) -> bool:
    """Whether more than `limit` brackets stand open at once: peel the innermost pairs off, layer by layer."""
    brackets = _brackets(_without_escapes(parts))
    for _ in range(limit):
        size = len(brackets)
        brackets = brackets.replace(b"[]", b"")
        if len(brackets) == size:
            # Nothing is left, or what is left is unbalanced and the parser's to refuse.
            return False
    return bool(brackets)


def _brackets(text: bytes) -> bytes:
    """The brackets of a text without escapes in order, all made square, without those inside strings."""
    # Dropping two quotes that now touch never moves a bracket into or out of a string.
    kept = text.translate(_ONE_KIND_OF_BRACKET, _NOT_STRUCTURE).replace(b'""', b"")
    return b"".join(kept.split(b'"')[::2])


def _without_escapes(parts: list[bytes]) -> bytes:
    """A text that was split at its backslashes, without them and without what each of them escapes."""
    if b"" in parts[1:]:  # backslashes that are escaped themselves: of a run of them, the pairs from its start
        parts = b"\\".join(parts).replace(b"\\\\", b"").split(b"\\")
    head, *escaped = parts
    return head + b"".join([part[1:] for part in escaped]) if escaped else head


def _check_numbers(text: bytes, where: str) -> None:
    # A number that is too long shows as ten digits in a row among every thirtieth byte; little else does.
    if b"0" * 10 not in text[::30].translate(_DIGITS_TO_ZERO):
        return
    if _HUGE_NUMBER.search(_STRING.sub(b'""', text)):
        raise _refusal(f"holds a number of more than {MAX_DIGITS} digits", where)


def _check_keys(text: bytes, found: object, where: str) -> None:
    """Refuse an object that has one key twice.

    A parser keeps only the last of them, so the text has more colons than its value written anew.
    """
    anew = msgspec.json.encode(found)
    if anew == text:
        return
    colons = text.count(b":") + sum(1 for _ in _escapes(_ESCAPED_COLON, text))
    if colons != anew.count(b":"):
        byte = _repeated_key(text)
        at = "" if byte is None else f" (byte {byte})"
        raise _refusal(f"has an object with the same key twice{at}", where)


def _end_of(found: Mapping[str, Any], text: bytes, at: int) -> int | None:
    """Where the object ends that begins at `at`; None when it does not hold just these members."""
    left = dict(found)
    while start := _KEY.match(text, at):
        part, at = left.pop(start[1].decode(), None), start.end()
        if isinstance(part, dict):
            end = _end_of(part, text, at)
            if end is None:
                return None
            at = end
        elif part is None or not text.startswith(plain := memoryview(part), at):
            return None
        else:
            at += len(plain)
    close = _END.match(text, at)
    return close.end() if close else None


def _repeated_key(text: bytes) -> int | None:
    """The byte at which an object of valid JSON text first repeats a key, if that is near enough to be looked for."""
    seen: list[set[str]] = [set()]
    for token in _TOKEN.finditer(text, 0, _SEARCHED):
        if token[1] is None:
            _enter_or_leave(token[0], seen)
        elif token[2]:
            key = json.loads(token[1]) if b"\\" in token[1] else token[1][1:-1].decode()
            if key in seen[-1]:
                return token.start()
            seen[-1].add(key)
    return None


def _enter_or_leave(bracket: bytes, seen: list[set[str]]) -> None:
    if bracket in b"{[":
        seen.append(set())
    else:
        seen.pop()
