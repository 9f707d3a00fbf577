"""Reading the cases that stand beside a policy: a story, one edit, and what is expected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from cdshooks.engine.library import Library, LibraryError
from cdshooks.engine.model import Outcome
from cdshooks.engine.reading import schema_problems
from cdshooks.engine.source import Place, Problem, Source, read_yaml
from cdshooks.server.stories import Story

CASE_FILES = ("policies/*/*/cases.yaml", "appeals/cases.yaml")
APPEALS = "appeals"
"""In place of a policy: the cases of the appeal clock."""
OUTCOME_KEYS: Mapping[str, Outcome] = {outcome.value.replace("-", "_"): outcome for outcome in Outcome}
APPEAL_EDITS = ("denied_on", "payer", "plan", "use", "reason")
APPEAL_EXPECTATIONS = ("plan_types", "due", "length", "passed", "rules", "no_rules", "reasons", "first_row")
BY_CRITERION = ("reason", "ask", "counts_until", "to_review", "evidence", "lines")


@dataclass(frozen=True)
class Case:
    """One case: what it is a case of, its base request, its day, its edits, what is expected, and where it stands."""

    policy: str
    name: str
    story: Story
    as_of: date
    edits: Mapping[str, Any]
    expect: Mapping[str, Any]
    source: Source
    place: Place

    def problem(self, place: Place, message: str) -> Problem:
        """A Problem at a place inside this case."""
        return self.source.problem((*self.place, *place), message)

    def __str__(self) -> str:
        """``file:line`` of the case."""
        return f"{self.source.file}:{self.source.line(self.place)}"


def read_cases(library: Library, stories: Mapping[str, Story]) -> list[Case]:
    """Every case beside the policies and the appeal clock; LibraryError lists all problems with file and line."""
    cases: list[Case] = []
    problems: list[Problem] = []
    for path in sorted(path for pattern in CASE_FILES for path in library.path.glob(pattern)):
        try:
            cases += _read_file(path, library, stories)
        except LibraryError as error:
            problems += error.problems
    if problems:
        raise LibraryError(problems)
    return cases


def _read_file(path: Path, library: Library, stories: Mapping[str, Story]) -> list[Case]:
    source = read_yaml(path, path.relative_to(library.path).as_posix())
    problems = list(_schema_problems(source, library.path / "schema" / "cases.json"))
    if not problems:
        problems = list(_reference_problems(source, library, stories))
    if problems:
        raise LibraryError(problems)
    return [_case(source, index, stories) for index in range(len(source.data["cases"]))]


def _case(source: Source, index: int, stories: Mapping[str, Story]) -> Case:
    head, row = source.data, source.data["cases"][index]
    return Case(
        policy=head["policy"],
        name=row["name"],
        story=stories[row.get("story", head["story"])],
        as_of=date.fromisoformat(row.get("as_of", head["as_of"])),
        edits=row,
        expect=row["expect"],
        source=source,
        place=("cases", index),
    )


def _schema_problems(source: Source, schema: Path) -> Iterator[Problem]:
    if not schema.is_file():
        yield source.problem((), "the library has no schema/cases.json to check it with")
        return
    yield from schema_problems(source, Draft202012Validator(json.loads(schema.read_text("utf-8"))))


def _reference_problems(source: Source, library: Library, stories: Mapping[str, Story]) -> Iterator[Problem]:
    """Names in a case file that lead nowhere: policy, story, criterion; and days that are none."""
    data = source.data
    folder = APPEALS if source.file.startswith(f"{APPEALS}/") else "/".join(source.file.split("/")[1:3])
    if data["policy"] != folder:
        yield source.problem(("policy",), f"policy is {data['policy']}; the folder says {folder}")
    known = {str(c.id) for version in library.versions(folder) for c in version.criteria}
    names: set[str] = set()
    yield from _head_problems(source, (), data, stories)
    for index, row in enumerate(data["cases"]):
        place: Place = ("cases", index)
        if row["name"] in names:
            yield source.problem((*place, "name"), f"two cases are named {row['name']!r}; a case is known by its name")
        names.add(row["name"])
        yield from _head_problems(source, place, row, stories)
        yield from _foreign_keys(source, place, row, appeals=folder == APPEALS)
        yield from _unknown_criteria(source, place, row["expect"], known)


def _head_problems(
    source: Source, place: Place, row: Mapping[str, Any], stories: Mapping[str, Story]
) -> Iterator[Problem]:
    if "story" in row and row["story"] not in stories:
        yield source.problem((*place, "story"), f"there is no story {row['story']}; `cdshooks stories` lists them")
    for key in ("as_of", "service_date", "denied_on"):
        if key in row and not _is_day(row[key]):
            yield source.problem((*place, key), f"{key}: {row[key]} is no day of the calendar")


def _foreign_keys(source: Source, place: Place, row: Mapping[str, Any], *, appeals: bool) -> Iterator[Problem]:
    """Keys of the appeal clock in a case of a policy."""
    for inside, keys in ((("expect",), APPEAL_EXPECTATIONS), ((), APPEAL_EDITS)):
        found = row["expect"] if inside else row
        for key in keys if not appeals else ():
            if key in found:
                yield source.problem((*place, *inside, key), f"{key} is for the cases of the appeal clock")


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _unknown_criteria(source: Source, place: Place, expect: Mapping[str, Any], known: set[str]) -> Iterator[Problem]:
    for key in (*OUTCOME_KEYS, *BY_CRITERION):
        for criterion in expect.get(key, ()):
            if criterion not in known:
                where = (*place, "expect", key)
                yield source.problem(where, f"{key}: this policy has no criterion {criterion}")
