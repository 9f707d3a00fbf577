"""Strict reading of the library's YAML: scalars stay text, duplicate keys are errors, lines are kept."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_WHOLE_NUMBER = re.compile(r"-?(0|[1-9]\d*)")
_LONGEST = 60
_BYTE = re.compile(r" \(byte (\d+)\)$")
_HINTS = {
    "did not find expected key": "look at the indent here and just above, and for an open quote",
    "expected ',' or": "a bracket that was opened is not closed, or a comma is missing",
    "mapping values are not allowed": "a text with a colon wants quotes; else look at the indent",
    "block end": "look at the indent",
    "cannot start any token": "a text that begins with such a character wants quotes",
    "another document": "one file is one document; take the line --- out",
    "undefined alias": "a text that begins with * wants quotes",
}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a library file, for the person who edits it."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """``file:line: message``."""
        return f"{self.file}:{self.line}: {self.message}"


class LibraryError(Exception):
    """The library cannot be used; `problems` says what to mend, file by file."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep the problems in file order."""
        self.problems = sorted(problems, key=lambda problem: (problem.file, problem.line))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True)
class Source:
    """One library file as plain data, with the line on which each value stands."""

    file: str
    data: Any
    lines: Mapping[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int:
        """The line of the value at `place`, or of the nearest value around it."""
        for end in range(len(place), -1, -1):
            if place[:end] in self.lines:
                return self.lines[place[:end]]
        return 1

    def problem(self, place: Place, message: str) -> Problem:
        """A Problem at `place`."""
        return Problem(self.file, self.line(place), message)


def walk(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value of a file with its place, the outer before the inner."""
    yield place, value
    rows = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        yield from walk(inner, (*place, key))


def load_yaml(text: str) -> Any:
    """The data of a file of our own that is no part of a library; the scalars are YAML's."""
    return yaml.load(text, Loader=_LOADER)


def read_yaml(path: Path, name: str) -> Source:
    """Read one YAML file; LibraryError with file and line for anything that is not plain strict YAML."""
    text = _text(path, name)
    lines: dict[Place, int] = {}
    problems: list[Problem] = []
    try:
        node = yaml.compose(text, Loader=_LOADER)
        data = _value(node, (), lines, problems, name) if node is not None else {}
    except yaml.YAMLError as error:
        raise LibraryError([_unreadable(error, text, name)]) from error
    except RecursionError as error:
        raise LibraryError([Problem(name, 1, "a value holds itself, or is nested too deep; write it out")]) from error
    if problems:
        raise LibraryError(problems)
    return Source(name, data, lines)


def _text(path: Path, name: str) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LibraryError([Problem(name, 1, f"cannot be read: {error.strerror}")]) from error
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        says = f"the byte 0x{data[error.start]:02X} is no UTF-8; save the file as UTF-8"
        raise LibraryError([Problem(name, line, says)]) from error


def _unreadable(error: yaml.YAMLError, text: str, name: str) -> Problem:
    """What is no YAML, with the line that was read and what is often wrong with such a line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # of a character that YAML does not have
        at = getattr(error, "position", 0)
        return Problem(name, text.count("\n", 0, at) + 1, "not readable as YAML: a character that cannot be printed")
    rows = text.splitlines()
    read = rows[min(mark.line, len(rows) - 1)].strip()[:_LONGEST]
    reason = str(getattr(error, "problem", None) or "it breaks off")
    hint = next((f"; {hint}" for words, hint in _HINTS.items() if words in reason), "")
    if "\t" in rows[min(mark.line, len(rows) - 1)]:
        hint = "; indent with blanks, not with a tab"
    return Problem(name, mark.line + 1, f"not readable as YAML at {read!r}: {reason}{hint}")


def json_fault(text: bytes, reason: str) -> tuple[int, str]:
    """The line of a fault in a JSON text, and what it is: `reason` is the decoder's, which names a byte."""
    if text.startswith(BOM_UTF8):
        return 1, "not readable as JSON: it begins with a byte order mark; save it as UTF-8 without one"
    at = _BYTE.search(reason)
    line = text.count(b"\n", 0, int(at[1])) + 1 if at else max(len(text.splitlines()), 1)
    return line, f"not readable as JSON: {_BYTE.sub('', reason)}"


def _value(node: Any, place: Place, lines: dict[Place, int], problems: list[Problem], name: str) -> Any:
    line = node.start_mark.line + 1
    lines[place] = line
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, line, problems, name)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*place, i), lines, problems, name) for i, item in enumerate(node.value)]
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key in mapping:
            problems.append(Problem(name, key_node.start_mark.line + 1, f"the key {key!r} stands twice; keep one"))
        mapping[key] = _value(value_node, (*place, key), lines, problems, name)
        lines[(*place, key)] = key_node.start_mark.line + 1
    return mapping


def _scalar(node: yaml.ScalarNode, line: int, problems: list[Problem], name: str) -> Any:
    text = str(node.value)
    if node.style:  # plain scalars have none
        return text
    if text in ("", "~", "null"):
        problems.append(Problem(name, line, "a value is missing here; write one or leave the key out"))
        return ""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text
