"""`cdshooks test`: run the cases beside the policies and show, for each that fails, why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent

import click

from cdshooks.cli.case_run import Ran, run_case
from cdshooks.cli.cases import APPEALS, Case
from cdshooks.cli.evaluate import tree
from cdshooks.cli.inputs import counted, library_option, located, open_library, settings_now, shown
from cdshooks.cli.panel import printable
from cdshooks.cli.paragraphs import newest_versions, sound_cases
from cdshooks.cli.reach import barely_reached
from cdshooks.engine.library import Library, LibraryError
from cdshooks.engine.policy import Policy


@click.command()
@click.argument("policy", required=False)
@click.option("-k", "words", help="Only cases whose name has all of these words.")
@library_option
def test(policy: str | None, words: str | None, library_path: Path | None) -> None:
    """Run the cases of POLICY (an id such as payer/policy, or `appeals` for the appeal clock), or every case.

    At the end: what no case expects yet. That is a report and no failure.
    """
    library = open_library(library_path or settings_now().library)
    versions = [] if policy == APPEALS else newest_versions(library, policy)
    wanted = {str(version.id) for version in versions} | ({APPEALS} if policy in (None, APPEALS) else set())
    cases = [case for case in sound_cases(library) if case.policy in wanted]
    chosen = [case for case in cases if _has_words(case, words)]
    if words and not chosen:
        raise click.UsageError(f"no case has the words {words!r} in its name; there are {len(cases)} cases")
    failed = [report for report in (_report(case, library) for case in chosen) if report]
    for report in failed:
        click.echo(report)
    for version in versions if not words else ():
        click.echo(_unreached(version, [case for case in cases if case.policy == version.id]))
    click.echo(f"{counted(len(chosen), 'case')}: {len(chosen) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise click.exceptions.Exit(1)


def _has_words(case: Case, words: str | None) -> bool:
    return all(word in case.name.lower() for word in (words or "").lower().split())


def _report(case: Case, library: Library) -> str | None:
    """Why a case fails: its name and place, then what is wrong with it; None when it passes."""
    place = f"{shown(library.path / case.source.file)}:{case.source.line(case.place)}"
    try:
        lines = list(_differences(run_case(case, library)))
    except LibraryError as error:
        lines = [located(error.problems, library.path)]
    return (
        "\n".join([f"FAILED  {case.name}  ({place})", *(indent(line, "  ") for line in lines), ""]) if lines else None
    )


def _differences(ran: Ran) -> Iterator[str]:
    """Each difference, then the tree of each criterion that differs, once."""
    yield from (printable(str(mismatch)) for mismatch in ran.mismatches)
    findings = {mismatch.finding.criterion: mismatch.finding for mismatch in ran.mismatches if mismatch.finding}
    yield from (indent(tree(finding), "  ") for finding in findings.values())


def _unreached(policy: Policy, cases: Sequence[Case]) -> str:
    """Criteria of which cases expect fewer than two outcomes."""
    if not cases:
        return f"{policy.id} {policy.version}: no cases yet; write them in cases.yaml beside {policy.file}\n"
    rows = list(barely_reached(policy, cases))
    if not rows:
        return f"{policy.id} {policy.version}: every criterion is expected to come out in at least two ways\n"
    head = f"{policy.id} {policy.version}: criteria that no two cases expect to come out differently"
    return "\n".join([head, *(f"  {c.id:<22} {', '.join(o) or 'no case'}" for c, o in rows)]) + "\n"
