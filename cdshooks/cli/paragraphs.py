"""`cdshooks paragraphs`: each paragraph of a policy, what takes care of it, and the cases that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import click

from cdshooks.cli.cases import Case, read_cases
from cdshooks.cli.inputs import counted, known_stories, library_option, located, open_library, settings_now
from cdshooks.cli.reach import Row, paragraph_rows
from cdshooks.engine.library import Library, LibraryError
from cdshooks.engine.policy import Policy

_PAGE = """# Every paragraph and what takes care of it

Written by `cdshooks paragraphs --markdown`; a test writes it again and compares. For each paragraph of each source: the
criterion, override, reminder or rule of the appeal clock that takes care of it, or the reason why nothing does, and
one of the cases that show it. The cases stand beside the policies and in `cards/appeals/cases.yaml`; `cdshooks test`
runs them, `cdshooks paragraphs --cases` names them all."""


@click.command()
@click.argument("policy", required=False)
@click.option("--cases", "names", is_flag=True, help="Name the cases of each paragraph, not only their number.")
@click.option("--markdown", is_flag=True, help="Print the table that stands in docs/coverage.md.")
@library_option
def paragraphs(policy: str | None, names: bool, markdown: bool, library_path: Path | None) -> None:
    """Show for each paragraph of a policy's outline what takes care of it, or its excuse.

    That is a criterion, an override, a reminder, or a rule of the appeal clock. POLICY is an id such as
    payer/policy; without it, every policy. The newest version is shown.
    """
    library = open_library(library_path or settings_now().library)
    cases = sound_cases(library)
    tables = {_title(v): list(paragraph_rows(v, cases, library)) for v in newest_versions(library, policy)}
    if markdown:
        click.echo(coverage_page(tables), nl=False)
        return
    for title, rows in tables.items():
        click.echo(title)
        for line in _table(rows, names):
            click.echo(f"  {line}")
        click.echo()


def _title(version: Policy) -> str:
    return f"{version.id} {version.version} ({version.reference_number or version.title})"


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


def coverage_page(tables: Mapping[str, Sequence[Row]]) -> str:
    """The whole table as a page of Markdown: each paragraph, what takes care of it, and what shows that."""
    parts = [_PAGE]
    for title, rows in tables.items():
        lines = [f"| {_cell(row.paragraph)} | {_cell(row.by)} | {_cell(_shown(row))} |" for row in rows]
        parts += ["\n".join([f"## {title}\n", "| paragraph | taken care of by | shown by |", "|---|---|---|", *lines])]
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _shown(row: Row) -> str:
    """One case by name and how many more there are."""
    more = f" (and {len(row.cases) - 1} more)" if len(row.cases) > 1 else ""
    return f"{row.cases[0]}{more}" if row.cases else ""


def _count(row: Row) -> str:
    if not row.decides and not row.cases:
        return ""
    return counted(len(row.cases), "case")
