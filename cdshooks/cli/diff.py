"""`cdshooks diff`: what changed between two versions of a policy, and which stories it would answer otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from cdshooks.cli.changes import changes
from cdshooks.cli.evaluate import read_told
from cdshooks.cli.inputs import Told, known_stories, library_option, located, open_library, settings_now, shown
from cdshooks.cli.panel import printable
from cdshooks.engine.library import Library, LibraryError, read_draft
from cdshooks.engine.model import Finding
from cdshooks.engine.policy import Policy
from cdshooks.engine.products import Span
from cdshooks.engine.source import Source, read_yaml
from cdshooks.hooks.service import Determined, answer


@dataclass(frozen=True)
class Version:
    """One version of a policy as it stands in its file, and compiled."""

    source: Source
    policy: Policy

    def __str__(self) -> str:
        """``policy version``."""
        return f"{self.policy.id} {self.policy.version}"


@click.command()
@click.argument("old")
@click.argument("new")
@library_option
def diff(old: str, new: str, library_path: Path | None) -> None:
    """Say what changed between two versions of a policy, and which stories would be answered otherwise.

    OLD and NEW are each a policy file, or POLICY@VERSION such as payer/policy@2025-04 for one in the library. A
    story is asked on its own day, as if the version were in force then.
    """
    library = open_library(library_path or settings_now().library)
    before, after = _version(old, library), _version(new, library)
    click.echo(f"{before} → {after}")
    found = [str(change) for change in changes(before.source.data, after.source.data)]
    for line in found or ["the two files say the same"]:
        click.echo(f"  {printable(line)}")
    click.echo("")
    for line in _stories(before, after, library):
        click.echo(printable(line))


def _version(name: str, library: Library) -> Version:
    """The version in a file or of a name; wrong usage when there is neither, an error when it cannot be used."""
    path = Path(name)
    if path.is_file():
        return _draft(path, library)
    policy_id, _, version = name.partition("@")
    found = next((p for p in library.versions(policy_id) if p.version == version), None)
    if found is None:
        known = ", ".join(f"{p.id}@{p.version}" for p in library.policies)
        raise click.UsageError(f"{name}: there is no file here and no such version in the library. There are {known}.")
    return Version(read_yaml(library.path / found.file, found.file), found)


def _draft(path: Path, library: Library) -> Version:
    try:
        return Version(*read_draft(path.resolve(), str(path.resolve()), library))
    except LibraryError as error:
        problems = located(error.problems, Path())
        raise click.ClickException(f"{shown(path)} cannot be used:\n{problems}") from error


def _stories(before: Version, after: Version, library: Library) -> Iterator[str]:
    """A line for each story whose answer under this policy differs, and a last one that counts them."""
    old, new = _alone(before.policy, library), _alone(after.policy, library)
    asked = changed = 0
    for name, story in known_stories().items():
        told = Told(name, story.request.read_bytes(), story.as_of)
        one, other = _determined(told, old, before.policy.id), _determined(told, new, after.policy.id)
        asked += bool(one or other)
        for order in dict.fromkeys([*one, *other]):
            line = _difference(one.get(order), other.get(order))
            if line:
                changed += 1
                yield f"{name}, {order}: {line}"
    yield f"Stories that ask for this policy: {asked}. Answered otherwise: {changed}."
    if not asked:
        yield "No story has a coverage of its payer, so they show nothing here; `cdshooks test` runs its cases."


def _alone(policy: Policy, library: Library) -> Library:
    """The library with this version as the only one of its policy, in force on any day."""
    others = tuple(p for p in library.policies if p.id != policy.id)
    return replace(library, policies=(*others, replace(policy, effective=Span(None, None), status="active")))


def _determined(asked: Told, library: Library, policy_id: str) -> dict[str, Determined]:
    """The determinations of a story under one policy, by order."""
    found = answer(read_told(asked), library, asked.as_of).determinations
    return {made.order.reference: made for made in found if made.policy_id == policy_id}


def _difference(old: Determined | None, new: Determined | None) -> str:
    """How an order's determination changes, from outcome to outcome; empty when it does not."""
    if old is None or new is None:
        return "asked under this policy only in the new version" if new else "no longer asked under this policy"
    one, other = old.determination, new.determination
    findings = [*_findings({f.criterion: f for f in one.findings}, {f.criterion: f for f in other.findings})]
    if one.outcome is other.outcome and not findings:
        return ""
    outcome = one.outcome.value if one.outcome is other.outcome else f"{one.outcome.value} → {other.outcome.value}"
    return f"{outcome} ({', '.join(findings)})" if findings else outcome


def _findings(old: Mapping[Any, Finding], new: Mapping[Any, Finding]) -> Iterator[str]:
    for criterion in dict.fromkeys([*old, *new]):
        was = old[criterion].outcome.value if criterion in old else "not asked"
        now = new[criterion].outcome.value if criterion in new else "not asked"
        if was != now:
            yield f"{criterion}: {was} → {now}"
