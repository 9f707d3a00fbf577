"""`cdshooks check`: is every file of the card library sound?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import msgspec
from jsonschema import Draft202012Validator

from cdshooks.cli.cases import Case, read_cases
from cdshooks.cli.fhir_models import elements_of, fhir_departures
from cdshooks.cli.inputs import counted, known_stories, located, settings_now, shown, today
from cdshooks.engine.faults import did_you_mean
from cdshooks.engine.library import Library, LibraryError, Problem, load_library
from cdshooks.engine.reading import schema_problems
from cdshooks.engine.source import read_yaml
from cdshooks.engine.templates import SAMPLE, filled

_SET = re.compile(r"([A-Z][A-Za-z]+)/[^.]+\.(\w+)")


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def check(path: Path | None) -> None:
    """Read every file of a card library (PATH, else the one that is set or shipped) and say what is wrong where.

    A review that is overdue is a warning and no problem.
    """
    settings = settings_now()
    folder = path or settings.library
    try:
        library = load_library(folder)
        cases = read_cases(library, known_stories())
        refuse_odd_sets(folder)
        refuse_no_fhir(library)
        refuse_odd_edits(cases)
    except LibraryError as error:
        click.echo(located(error.problems, folder))
        raise click.ClickException(f"{counted(len(error.problems), 'problem')} in {shown(folder)}") from error
    for warning in overdue(library, today(settings)):
        click.echo(f"warning: {warning}")
    click.echo(f"{shown(folder)}: {_counts(library, len(cases))} … ok")


def refuse_no_fhir(library: Library) -> None:
    """Raise LibraryError for a suggestion that would create what is no FHIR R4, which its schema may not show."""
    found = [
        Problem(f"suggestions/{name}.yaml", 1, f"departs from FHIR R4: {departure}")
        for name, template in library.suggestions.items()
        for departure in fhir_departures({"resource": filled(template["resource"], SAMPLE)})
    ]
    if found:
        raise LibraryError(found)


def refuse_odd_sets(folder: Path) -> None:
    """Raise LibraryError for keys of a value set that its schema does not know, so that no code is left out unseen."""
    schema = folder / "schema" / "valueset.json"
    validator = Draft202012Validator(msgspec.json.decode(schema.read_bytes()))
    found: list[Problem] = []
    for path in sorted(folder.glob("valuesets/*.json")):
        data = msgspec.json.decode(path.read_bytes())
        if not validator.is_valid(data):
            found += schema_problems(read_yaml(path, str(path.relative_to(folder))), validator)
    if found:
        raise LibraryError(found)


def refuse_odd_edits(cases: list[Case]) -> None:
    """Raise LibraryError for a case that sets what no resource has: nothing reads it, and the case shows nothing."""
    found: list[Problem] = []
    known: dict[str, set[str]] = {}
    for case in cases:
        for key in case.edits.get("set", ()):
            edited = _SET.match(key)
            if edited and edited[2] not in (elements := known.setdefault(edited[1], elements_of(edited[1]))):
                meant = did_you_mean(edited[2], sorted(elements))
                found.append(case.problem(("set", key), f"{key}: {edited[1]} has no element {edited[2]}{meant}"))
    if found:
        raise LibraryError(found)


def overdue(library: Library, day: date) -> Iterator[str]:
    """A sentence for each active policy version whose review was due before `day`."""
    for policy in library.policies:
        if policy.status == "active" and policy.review_due and policy.review_due < day:
            file = shown(library.path / policy.file)
            yield f"{file}: its review was due on {policy.review_due}; read the source again and set reviewed_on"


def _counts(library: Library, cases: int) -> str:
    counts = {
        "value set": len(library.value_sets),
        "product": len(library.products.by_id),
        "policy version": len(library.policies),
        "payer": len(library.payers),
        "roster row": len(library.rosters),
        "suggestion": len(library.suggestions),
        "case": cases,
    }
    return ", ".join(counted(count, name) for name, count in counts.items())
