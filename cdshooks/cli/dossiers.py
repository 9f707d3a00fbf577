"""`cdshooks dossiers`: deleting what is past its days; what is in a dossier is not shown here."""

from __future__ import annotations

import click

from cdshooks.cli.centers import opened
from cdshooks.cli.inputs import counted, settings_now, today
from cdshooks.server.dossiers import drop_dossiers, purge_dossiers


@click.group()
def dossiers() -> None:
    """The dossiers behind the cards: chart text, kept for CDSHOOKS_DOSSIER_DAYS."""


@dossiers.command()
@click.option("--all", "all_", is_flag=True, help="Delete every dossier, not only those past their days.")
def purge(all_: bool) -> None:
    """Delete the dossiers that are past their days, with what was attested in them."""
    settings = settings_now()
    with opened(settings) as store, store.writing() as connection:
        count = drop_dossiers(connection) if all_ else purge_dossiers(connection, today(settings))
    click.echo(f"{counted(count, 'dossier')} deleted")
