"""`cdshooks decisions`: what was recorded, looked up, exported, checked and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click
from sqlalchemy import Connection

from cdshooks.cli.centers import opened
from cdshooks.cli.inputs import counted, settings_now
from cdshooks.cli.inputs import day as read_day
from cdshooks.cli.panel import printable
from cdshooks.server.call_metrics import metric_data
from cdshooks.server.crd_measures import suggested_measures
from cdshooks.server.decision_log import Kept, clients_of, kept_decisions
from cdshooks.server.ledger import LOCK, faults, newest_hash
from cdshooks.server.patient_key import patient_hash, patient_key
from cdshooks.server.record_tables import stamp, start_of
from cdshooks.server.retention import Purged
from cdshooks.server.retention import purge as purge_records
from cdshooks.server.settings import Settings


def day_option(name: str, says: str, *called: str) -> Callable[..., Any]:
    """An option that takes a calendar day; `called` is the argument's name where it is not the option's."""
    return click.option(name, *called, metavar="DATE", callback=read_day, help=says)


def _chosen(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose decisions."""
    for option in (
        click.option("--policy", help="Only this policy, by its id."),
        day_option("--since", "Only those made on this day (UTC) or later."),
        click.option("--client", help="With --patient: the client that the patient is of. Default: any."),
        click.option("--patient", metavar="ID", help="Only this patient, by the id that the EHR sends."),
    ):
        command = option(command)
    return command


@click.group()
def decisions() -> None:
    """What was determined for whom, when and on what grounds. No chart text and no id of a patient is on record."""


@decisions.command("list")
@_chosen
def list_(**chosen: Any) -> None:
    """List a line for each decision, oldest first."""
    for kept in _read(**chosen):
        content = kept.content
        policy = " ".join(content.get("policy", {}).get(key, "") for key in ("id", "version")) or "no policy"
        facts = (kept.row["made_at"][:19], kept.row["id"], kept.row["client"], content.get("product", "-"), policy)
        click.echo(printable("  ".join((*facts, content["outcome"], counted(len(kept.calls), "call")))))


@decisions.command()
@click.argument("decision")
def show(decision: str) -> None:
    """Show DECISION whole, as indented JSON: its content, its calls and the feedback on its card, without comments.

    DECISION is its id, or the coverage-assertion-id that an order carries.
    """
    found = _known(decision)
    click.echo("\n".join(json.dumps(kept.json(), indent=2, ensure_ascii=False) for kept in found))


@decisions.command()
@click.argument("ids", metavar="[DECISION]...", nargs=-1)
@_chosen
def export(ids: tuple[str, ...], **chosen: Any) -> None:
    """Write decisions as JSON lines: all, those that are named, or those of a patient."""
    for kept in _read(ids=ids, **chosen):
        click.echo(json.dumps(kept.json(), ensure_ascii=False))


@decisions.command()
@day_option("--from", "Only calls of this day (UTC) or later.", "since")
@day_option("--to", "Only calls of this day (UTC) or earlier.", "until")
@click.option(
    "--measures", is_flag=True, help="Instead, the measures that the guide suggests: of all, by client, hook and payer."
)
def metrics(since: date | None, until: date | None, measures: bool) -> None:
    """Write what Da Vinci CRD has measured of a call (CRD Metric Data) as a JSON line for each that has a record.

    No chart text is in it; calls without a card have no record, and are counted at /metrics.
    """
    end = start_of(until + timedelta(days=1)) if until else stamp(datetime.now(UTC) + timedelta(days=1))
    with opened(settings_now()) as store, store.reading() as connection:
        data = metric_data(connection, start_of(since), end)
        for line in suggested_measures(data) if measures else data:
            click.echo(json.dumps(line, ensure_ascii=False))


@decisions.command()
def verify() -> None:
    """Check every record against the ledger, and the ledger's chain. Exit code 1 when anything is wrong."""
    with opened(settings_now()) as store, store.reading() as connection:
        wrong = list(faults(connection))
        newest = newest_hash(connection)
    for fault in wrong:
        click.echo(printable(fault))
    if wrong:
        raise click.ClickException(f"the records are not what was recorded: {counted(len(wrong), 'fault')}")
    click.echo(f"every record is as it was recorded; newest hash {newest or 'none'}")


@decisions.command()
@day_option("--before", "Delete what is older than this day (UTC). Default: CDSHOOKS_RETENTION_DAYS before now.")
@click.option("--dry-run", is_flag=True, help="Say how much would go; delete nothing.")
def purge(before: date | None, dry_run: bool) -> None:
    """Delete calls, decisions and feedback that are older than they are to be kept."""
    settings = settings_now()
    now = datetime.now(UTC)
    end = _end(settings, before, now)
    with opened(settings) as store, store.writing(LOCK) as connection:
        purged = purge_records(connection, end, now, dry_run=dry_run)
    click.echo(f"{_purged(purged)} from before {end:%Y-%m-%d %H:%M} UTC {'would go' if dry_run else 'deleted'}")


def _end(settings: Settings, before: date | None, now: datetime) -> datetime:
    if before is not None:
        if before > now.date():
            raise click.UsageError(f"--before {before} is in the future; nothing was deleted")
        return datetime.combine(before, time(), UTC)
    if settings.retention_days is None:
        raise click.UsageError("nothing says how long records are kept: set CDSHOOKS_RETENTION_DAYS, or give --before")
    return now - timedelta(days=settings.retention_days)


def _purged(purged: Purged) -> str:
    counts = (counted(purged.calls, "call"), counted(purged.decisions, "decision"))
    return f"{', '.join(counts)} and {counted(purged.feedback, 'piece')} of feedback"


def _known(decision: str) -> list[Kept]:
    found = _read(ids=[decision])
    if not found:
        raise click.ClickException(f"there is no decision {decision}; `cdshooks decisions list` shows them")
    return found


def _read(
    ids: Iterable[str] = (),
    patient: str | None = None,
    client: str | None = None,
    since: date | None = None,
    policy: str | None = None,
) -> list[Kept]:
    settings = settings_now()
    with opened(settings) as store, store.writing() as connection:
        patients = None if patient is None else _hashes(connection, settings, patient, client)
        return list(kept_decisions(connection, ids=ids, patients=patients, since=start_of(since), policy=policy))


def _hashes(connection: Connection, settings: Settings, patient: str, client: str | None) -> list[str]:
    """What a patient is called in the records, at each client that it may be of."""
    key = patient_key(connection, settings.patient_key)
    return [patient_hash(key, name, patient) for name in ([client] if client else clients_of(connection))]
