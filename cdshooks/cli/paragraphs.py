"""`cdshooks paragraphs`: each paragraph of a policy, what takes care of it, and the cases that show it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import click

from cdshooks.cli.cases import Case, read_cases
from cdshooks.cli.inputs import counted, known_stories, library_option, located, open_library, settings_now
from cdshooks.cli.reach import Row, paragraph_rows
from cdshooks.engine.library import Library, LibraryError
from cdshooks.engine.policy import Policy


@click.command()
@click.argument("policy", required=False)
@click.option("--cases", "names", is_flag=True, help="Name the cases of each paragraph, not only their number.")
@library_option
def paragraphs(policy: str | None, names: bool, library_path: Path | None) -> None:
    """Show for each paragraph of a policy's outline the criterion, override or reminder, or its excuse.

    POLICY is an id such as payer/policy; without it, every policy. The newest version is shown.
    """
    library = open_library(library_path or settings_now().library)
    cases = sound_cases(library)
    for version in newest_versions(library, policy):
        click.echo(f"{version.id} {version.version} ({version.reference_number or version.title})")
        for line in _table(list(paragraph_rows(version, cases)), names):
            click.echo(f"  {line}")
        click.echo()


def newest_versions(library: Library, policy_id: str | None) -> list[Policy]:
    """The newest version of one policy or of each; wrong usage when there is no policy of that id."""
    known = sorted({str(policy.id) for policy in library.policies})
    if policy_id is not None and policy_id not in known:
        raise click.UsageError(f"there is no policy {policy_id} in the library; there are {', '.join(known)}")
    return [library.versions(name)[-1] for name in known if policy_id in (None, name)]


def sound_cases(library: Library) -> list[Case]:
    """Every case of the library; problems in their files are the command's error."""
    try:
        return read_cases(library, known_stories())
    except LibraryError as error:
        raise click.ClickException(f"cases cannot be used:\n{located(error.problems, library.path)}") from error


def _table(rows: Sequence[Row], names: bool) -> list[str]:
    lines = []
    width = max(len(row.paragraph) for row in rows)
    for paragraph, group in groupby(rows, key=lambda row: row.paragraph):
        for index, row in enumerate(group):
            head = "" if index else paragraph
            lines.append(f"{head:<{width}}  {_count(row):>8}  {row.by}")
            lines += [f"{'':<{width}}            · {name}" for name in row.cases if names]
    return lines


def _count(row: Row) -> str:
    if not row.decides and not row.cases:
        return ""
    return counted(len(row.cases), "case")
