"""Strict reading of the library's YAML: scalars stay text, duplicate keys are errors, lines are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_WHOLE_NUMBER = re.compile(r"-?(0|[1-9]\d*)")
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


def load_yaml(text: str) -> Any:
    """The data of a file of our own that is no part of a library; the scalars are YAML's."""
    return yaml.load(text, Loader=_LOADER)


def read_yaml(path: Path, name: str) -> Source:
    """Read one YAML file; LibraryError with file and line for anything that is not plain strict YAML."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        reason = getattr(error, "problem", None) or type(error).__name__
        raise LibraryError([Problem(name, line, f"not readable as YAML: {reason}")]) from error
    lines: dict[Place, int] = {}
    problems: list[Problem] = []
    data = _value(node, (), lines, problems, name) if node is not None else {}
    if problems:
        raise LibraryError(problems)
    return Source(name, data, lines)


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
