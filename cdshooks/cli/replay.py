"""`cdshooks replay`: a decision made again, from the request that the site has kept."""

from __future__ import annotations

from pathlib import Path

import click

from cdshooks.cli.centers import opened
from cdshooks.cli.inputs import library_option, open_library, settings_now
from cdshooks.cli.panel import printable
from cdshooks.engine.library import Library
from cdshooks.hooks.errors import RequestError
from cdshooks.server.decision_log import Kept, kept_decisions
from cdshooks.server.live_rosters import Rosters, rosters_of
from cdshooks.server.registry import Registry, registry_version
from cdshooks.server.replay import differences


@click.command()
@click.argument("decision")
@click.option(
    "--request",
    "request_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The body of the call, byte for byte; it is not stored here.",
)
@library_option
def replay(decision: str, request_file: Path, library_path: Path | None) -> None:
    """Make DECISION again from the request that led to it, as of the same day, and say what is not the same.

    Exit code 0 when everything is the same, 1 when anything differs.
    """
    settings = settings_now()
    library = open_library(library_path or settings.library)
    with opened(settings) as store:
        with store.reading() as connection:
            kept = _newest(list(kept_decisions(connection, ids=[decision])), decision)
        registry = registry_version(store, _rosters_version(kept))
    rosters = _matched(registry, library, kept) if registry else None
    try:
        found = differences(kept, request_file.read_bytes(), library, rosters)
    except RequestError as error:
        raise click.ClickException(f"{request_file}: {error.message}") from error
    for line in found:
        click.echo(printable(line))
    if found:
        raise click.ClickException(f"decision {decision} is not the same when it is made again")
    click.echo(f"the same: decision {decision}, as of {kept.content['asOf']}, outcome {kept.content['outcome']}")


def _newest(found: list[Kept], decision: str) -> Kept:
    if not found:
        raise click.ClickException(f"there is no decision {decision}; `cdshooks decisions list` shows them")
    return found[-1]


def _matched(registry: Registry, library: Library, kept: Kept) -> Rosters:
    """The roster as it was then: with made-up rows, as in demo mode, or without."""
    made = [rosters_of(registry, library.rosters, synthetic=synthetic) for synthetic in (True, False)]
    return next((rosters for rosters in made if rosters.hash == kept.content.get("rosters")), made[0])


def _rosters_version(kept: Kept) -> int:
    return int(kept.calls[-1]["rosters_version"]) if kept.calls else 0
