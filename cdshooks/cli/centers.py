"""`cdshooks centers`: the treatment-center registry of a site, from import to export."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import click

from cdshooks.cli.centers_table import import_report, table, version_line
from cdshooks.cli.inputs import counted, library_option, open_library, settings_now
from cdshooks.cli.inputs import day as read_day
from cdshooks.cli.panel import printable
from cdshooks.engine.centers import RosterRow, is_npi
from cdshooks.engine.library import Library
from cdshooks.server.registry import (
    Origin,
    Registry,
    RegistryError,
    difference,
    expire_row,
    import_rows,
    rows_in_force,
    with_rows,
)
from cdshooks.server.roster_csv import read_csv, write_csv
from cdshooks.server.roster_fhir import TOLD, read_bundle, write_bundle
from cdshooks.server.roster_rows import (
    EVIDENCE_KINDS,
    FileError,
    Reading,
    RowCheck,
    made_up_facilities,
    refuse_doubles,
)
from cdshooks.server.settings import Settings
from cdshooks.server.store import Store, StoreError, open_store

_as_of_option = click.option(
    "--as-of", metavar="DATE", callback=read_day, help="The registry as it stood at the end of this day."
)


@click.group()
def centers() -> None:
    """The treatment centers of this site: which facility is listed for which product, by whom and until when.

    They stand beside the rosters of the card library and go before them. A running server takes up a change
    within a second or two.
    """


@centers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", help="Who says so, such as a payer's directory. Default: the name of the file.")
@click.option("--merge/--replace", "merge", default=True, help="Keep the other rows in force (default), or drop them.")
@click.option("--dry-run", is_flag=True, help="Report only; change nothing.")
@click.option("--strict", is_flag=True, help="Import nothing when a row is refused.")
@click.option("--evidence-kind", type=click.Choice(EVIDENCE_KINDS), help="For a FHIR Bundle that does not say.")
@click.option("--evidence-url", metavar="URL", help="For a FHIR Bundle that does not say.")
@click.option("--checked-on", metavar="DATE", help="For a FHIR Bundle that does not say.")
@click.option("--checked-by", metavar="NAME", help="For a FHIR Bundle that does not say.")
@library_option
def import_(
    file: Path,
    source: str | None,
    merge: bool,
    dry_run: bool,
    strict: bool,
    library_path: Path | None,
    **told: str | None,
) -> None:
    """Read FILE, a CSV file or a FHIR Bundle of Organization and OrganizationAffiliation, into a new version.

    Every row that is refused is told with its line, what was read, what is wrong and what to write. Exit code 1
    when there was one.
    """
    settings = settings_now()
    library = open_library(library_path or settings.library)
    data, now = file.read_bytes(), _now(settings)
    origin = Origin(
        now, "merge" if merge else "replace", source or file.name, file.name, hashlib.sha256(data).hexdigest()
    )
    reading = _reading(data, _check(library, settings, origin), library, {k: v for k, v in told.items() if v})
    for line in (*reading.refusals, *reading.notes, *_hints(reading)):
        click.echo(printable(f"{file}: {line}"))
    if not reading.rows or (strict and reading.refusals):
        fine = f"{counted(reading.refused, 'row')} refused, {counted(len(reading.rows), 'row')} fine"
        raise click.ClickException(f"nothing was imported: {fine}")
    with opened(settings) as store:
        click.echo(_take(store, [row for _, row in reading.rows], origin, merge=merge, dry_run=dry_run))
    if reading.refusals:
        raise click.ClickException(f"{counted(reading.refused, 'row')} refused")


@centers.command("list")
@click.option("--product", help="Only this product.")
@click.option("--facility", help="Only this NPI, or names that contain this.")
@_as_of_option
def list_(product: str | None, facility: str | None, as_of: date | None) -> None:
    """Show the rows in force; with --as-of, those that were in force at the end of that day."""
    settings = settings_now()
    with opened(settings) as store:
        registry = rows_in_force(store, as_of)
    _refuse_empty(registry, as_of)
    rows = [
        kept
        for kept in registry.rows
        if product in (None, kept.row.product)
        and (facility is None or facility == kept.row.npi or facility.lower() in kept.row.facility_name.lower())
    ]
    click.echo(printable(version_line(registry)))
    click.echo(printable(table(rows, as_of or _now(settings).date())))


@centers.command()
@click.argument("npi")
@click.argument("product")
@click.option("--on", "last_day", metavar="DATE", required=True, callback=read_day, help="The last day it is valid.")
def expire(npi: str, product: str, last_day: date) -> None:
    """End the row of a facility, by NPI, for PRODUCT: it is valid until the day that is given, and not after it."""
    settings = settings_now()
    if not is_npi(npi):
        raise click.UsageError(f"{npi!r} is no NPI. Write ten digits of which the last checks the others.")
    origin = Origin(_now(settings), "expire", f"{npi} {product} on {last_day}")
    with opened(settings) as store:
        version = expire_row(store, npi, product, last_day, origin)
    click.echo(f"{npi} {product} is valid until {last_day}: version {version.number} of {version.made_on}")


@centers.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "fhir"]),
    default="csv",
    show_default=True,
    help="A CSV file, or a FHIR R4 Bundle.",
)
@_as_of_option
@library_option
def export(form: str, as_of: date | None, library_path: Path | None) -> None:
    """Write the rows in force to the standard output, as `centers import` reads them."""
    settings = settings_now()
    with opened(settings) as store:
        registry = rows_in_force(store, as_of)
    _refuse_empty(registry, as_of)
    if form == "csv":
        click.echo(write_csv(registry.roster()), nl=False)
    else:
        click.echo(write_bundle(registry.roster(), open_library(library_path or settings.library)))


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store that is set, closed in the end; what is wrong with it is the command's error."""
    try:
        store = open_store(settings.database_url)
        try:
            yield store
        finally:
            store.close()
    except (StoreError, RegistryError) as error:
        raise click.ClickException(str(error)) from error


def _hints(reading: Reading) -> Iterator[str]:
    """The options for what a Bundle does not say of itself."""
    blank = {refusal.what for refusal in reading.refusals if not refusal.read and refusal.place.startswith("entry")}
    if options := [f"--{column.replace('_', '-')}" for column in TOLD if column in blank]:
        yield f"what no entry says can be said for all of them: {', '.join(options)}"


def _take(store: Store, rows: list[RosterRow], origin: Origin, *, merge: bool, dry_run: bool) -> str:
    """Put the rows in force, unless it is only asked what that would do."""
    if dry_run:
        before = rows_in_force(store).rows
        change = difference(before, with_rows(before, rows, origin, keep_others=merge))
        return import_report(None, change, store.shown)
    version, change = import_rows(store, rows, origin, keep_others=merge)
    return import_report(version, change, store.shown)


def _check(library: Library, settings: Settings, origin: Origin) -> RowCheck:
    return RowCheck(
        products=library.products,
        today=origin.now.date(),
        source=origin.source,
        demo=settings.demo,
        demo_rows=made_up_facilities(library.rosters),
    )


def _reading(data: bytes, check: RowCheck, library: Library, told: dict[str, str]) -> Reading:
    bundle = data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    if told and not bundle:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in told)
        raise click.UsageError(f"{names}: only for a FHIR Bundle; in a CSV file each row says it.")
    try:
        reading = read_bundle(data, check, library, told) if bundle else read_csv(data, check)
    except FileError as error:
        raise click.ClickException(printable(str(error))) from error
    refuse_doubles(reading)
    return reading


def _refuse_empty(registry: Registry, as_of: date | None) -> None:
    if registry.version is None:
        when = f" on {as_of}" if as_of else ""
        raise click.ClickException(f"the registry was empty{when}; `cdshooks centers import FILE` fills it")


def _now(settings: Settings) -> datetime:
    return datetime.now(settings.timezone)
